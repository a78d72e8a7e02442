from calico.dataplane.nft.values import Drop
from calico.dataplane.render.names import profile_chain_name
from calico.dataplane.render.profiles import render_profile
from calico.model.values import default_profile
from calico.updates import (
    IPSetRemove,
    IPSetUpdate,
    ProfileRemove,
    ProfileUpdate,
)
from tests.fakes.managers import OPEN, Managers, expected, update


def test_profile_becomes_two_chains_and_goes_again(managers: Managers) -> None:
    managers.run(IPSetUpdate("web", frozenset()), ProfileUpdate("web", default_profile("web").rules))
    assert render_profile("web", default_profile("web").rules).items() <= managers.kernel.chains.items()

    managers.run(ProfileUpdate("web", None))
    assert render_profile("web", None).items() <= managers.kernel.chains.items()

    managers.run(ProfileRemove("web"), IPSetRemove("web"))
    assert managers.kernel == expected([], {})


def test_only_the_newest_of_several_versions_is_rendered(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", None), ProfileUpdate("web", OPEN), ProfileUpdate("gone", OPEN))
    assert managers.run(ProfileRemove("gone"), ProfileUpdate("gone", OPEN)) == 0
    assert managers.run(ProfileUpdate("gone", None), ProfileRemove("gone")) == 1
    assert managers.kernel == expected([], {"web": OPEN})


def test_blocked_profile_drops_until_its_rules_change(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", OPEN), ProfileUpdate("db", OPEN), update(1, "web"))
    chain = profile_chain_name("web", "inbound")

    managers.profiles.set_blocked({"web", "never"})
    managers.run()
    assert [rule.verdict for rule in managers.kernel.chains[chain].rules] == [Drop()]
    assert managers.profiles.blocked == {"web"}

    managers.run(ProfileUpdate("web", OPEN))
    assert render_profile("web", OPEN).items() <= managers.kernel.chains.items()
    assert managers.profiles.blocked == frozenset()


def test_blocked_profiles_can_be_tried_again(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", OPEN))
    managers.profiles.set_blocked({"web"})
    managers.run()

    managers.profiles.set_blocked(frozenset())
    managers.run()

    assert managers.kernel == expected([], {"web": OPEN})


def test_blocked_profile_that_goes_leaves_nothing(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", OPEN))
    managers.profiles.set_blocked({"web"})
    managers.run(ProfileRemove("web"))

    assert managers.kernel == expected([], {})
    assert managers.profiles.blocked == frozenset()


def test_suspects_are_what_changed_and_is_not_trusted_yet(managers: Managers) -> None:
    profiles = managers.profiles
    managers.run(ProfileUpdate("web", OPEN), ProfileUpdate("db", OPEN), ProfileUpdate("gone", OPEN))
    managers.run(ProfileRemove("gone"))
    assert profiles.suspects == {"web", "db"}
    profiles.trust()
    assert profiles.suspects == frozenset()

    managers.run(ProfileUpdate("web", None))
    profiles.set_blocked({"web", "db"})
    assert profiles.suspects == frozenset()
    profiles.set_blocked({"web"})
    assert profiles.suspects == {"db"}
