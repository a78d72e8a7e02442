from calico.dataplane.iptables import LegacyIptables


def test_kernel_without_legacy_tables_has_none() -> None:
    assert LegacyIptables().names("no-such-file") == ()


def test_missing_command_says_no() -> None:
    assert LegacyIptables().run(["no-such-iptables", "-S"]) is None


def test_output_and_failure_of_a_command() -> None:
    assert LegacyIptables().run(["echo", "-S"]) == "-w 5 -S\n"
    assert LegacyIptables().run(["false", "-S"]) is None
