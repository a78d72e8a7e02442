from calico.dataplane.render.members import tag_elements
from calico.dataplane.render.names import tag_set_names
from calico.updates import (
    IPSetDelta,
    IPSetRemove,
    IPSetUpdate,
)
from tests.fakes.managers import Managers, expected


def test_tag_becomes_two_sets_that_follow_their_members(managers: Managers) -> None:
    name4, name6 = tag_set_names("web")
    managers.run(IPSetUpdate("web", frozenset({"10.0.0.1", "fd00::1"})))
    assert managers.kernel.sets[name4][1] == {"10.0.0.1"}
    assert managers.kernel.sets[name6][1] == {"fd00::1"}

    managers.run(IPSetDelta("web", frozenset({"10.0.0.2"}), frozenset({"10.0.0.1", "fd00::1"})))
    assert managers.kernel.sets[name4][1] == {"10.0.0.2"}
    assert managers.kernel.sets[name6][1] == frozenset()

    managers.run(IPSetUpdate("web", frozenset({"10.0.0.3"})))
    assert managers.kernel.sets[name4][1] == tag_elements("web", {"10.0.0.3"})[name4]

    managers.run(IPSetRemove("web"))
    assert managers.kernel == expected([], {})
