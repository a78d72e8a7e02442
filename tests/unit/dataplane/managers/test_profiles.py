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
    assert managers.profiles.find_culprit("no chain is named here") is None
    assert managers.profiles.find_culprit(f"no such thing in: add rule inet calico {chain} accept") == "web"

    managers.profiles.block("web")
    managers.run()
    assert [rule.verdict for rule in managers.kernel.chains[chain].rules] == [Drop()]
    assert managers.profiles.blocked == ("web",)
    assert managers.profiles.find_culprit(chain) is None, "it is not to blame any more"

    managers.run(ProfileUpdate("web", OPEN))
    assert render_profile("web", OPEN).items() <= managers.kernel.chains.items()
    assert managers.profiles.blocked == ()


def test_blocked_profiles_can_be_tried_again(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", OPEN))
    managers.profiles.block("web")
    managers.run()

    managers.profiles.unblock_all()
    managers.run()

    assert managers.kernel == expected([], {"web": OPEN})


def test_blocked_profile_that_goes_leaves_nothing(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", OPEN))
    managers.profiles.block("web")
    managers.run(ProfileRemove("web"))

    assert managers.kernel == expected([], {})
    assert managers.profiles.find_culprit(profile_chain_name("web", "inbound")) is None
