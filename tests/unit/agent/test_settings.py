"""The environment contract: defaults, every variable, and one clear line for each that is wrong."""

from pathlib import Path

import pytest

from calico.agent.settings import read_settings
from calico.model.errors import ValidationError


def test_defaults() -> None:
    settings = read_settings({})

    assert settings.datastore == "sqlite:///var/lib/calico/calico.db"
    assert settings.lock == Path("/run/calico/calico-node.pid")
    assert settings.control_socket == Path("/run/calico/control.sock")
    assert settings.plugin_socket == Path("/run/docker/plugins/calico.sock")
    assert (settings.scope, settings.docker_host, settings.log_level) == ("auto", "", "")


def test_everything_may_be_set() -> None:
    settings = read_settings(
        {
            "CALICO_DATASTORE": "sqlite:///tmp/x.db",
            "CALICO_NODENAME": "h1",
            "CALICO_RUN_DIR": "/tmp/run",
            "CALICO_PLUGIN_SOCKET": "/tmp/p.sock",
            "CALICO_LIBNETWORK_SCOPE": "global",
            "CALICO_LOG_LEVEL": "debug",
            "DOCKER_HOST": "unix:///tmp/d.sock",
        }
    )

    assert (settings.datastore, settings.node) == ("sqlite:///tmp/x.db", "h1")
    assert settings.run_dir == Path("/tmp/run")
    assert settings.plugin_socket == Path("/tmp/p.sock")
    assert (settings.scope, settings.docker_host, settings.log_level) == ("global", "unix:///tmp/d.sock", "debug")


def test_the_reference_s_hostname_variable_is_not_read() -> None:
    assert read_settings({"HOSTNAME": "elsewhere", "CALICO_NODENAME": ""}).node != "elsewhere"


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("CALICO_NODENAME", "a/b", "node name 'a/b' is not valid"),
        ("CALICO_LIBNETWORK_SCOPE", "swarm", "CALICO_LIBNETWORK_SCOPE='swarm' is not valid: use one of auto, local"),
        ("CALICO_LOG_LEVEL", "loud", "CALICO_LOG_LEVEL='loud' is not valid"),
        ("CALICO_RUN_DIR", "run", "CALICO_RUN_DIR='run' is not valid: use an absolute path"),
        ("ETCD_AUTHORITY", "nonsense", "Invalid ETCD_AUTHORITY"),
    ],
)
def test_wrong_values_are_named(variable: str, value: str, fault: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        read_settings({variable: value})

    assert fault in str(refusal.value)
