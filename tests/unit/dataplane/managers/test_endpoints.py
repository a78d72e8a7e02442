import random
from typing import TYPE_CHECKING

import pytest

from calico.dataplane.render.members import dispatch_elements
from calico.dataplane.render.names import FROM_MAP, TO_MAP, list_chain_name
from calico.updates import (
    EndpointRemove,
    ProfileUpdate,
    Update,
)
from tests.fakes.managers import OPEN, Managers, endpoint, expected, key, update

if TYPE_CHECKING:
    from calico.model.values import Endpoint


def test_second_endpoint_of_a_list_adds_elements_only(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", OPEN), update(1, "web"))
    chains = dict(managers.kernel.chains)

    assert managers.run(update(2, "web")) == 1

    assert managers.kernel.chains == chains
    assert managers.kernel == expected([endpoint(1, "web"), endpoint(2, "web")], {"web": OPEN})


def test_list_chains_live_as_long_as_an_endpoint_has_the_list(managers: Managers) -> None:
    managers.run(ProfileUpdate("a", OPEN), ProfileUpdate("b", OPEN), update(1, "a", "b"), update(2, "a", "b"))
    managers.run(EndpointRemove(key("e1")))
    assert list_chain_name(("a", "b"), "inbound") in managers.kernel.chains

    managers.run(update(2, "b", "a"))
    assert managers.kernel == expected([endpoint(2, "b", "a")], {"a": OPEN, "b": OPEN})

    managers.run(EndpointRemove(key("e2")), EndpointRemove(key("never")))
    assert managers.kernel == expected([], {"a": OPEN, "b": OPEN})


def test_endpoint_without_profiles_has_a_list_chain_too(managers: Managers) -> None:
    managers.run(update(1))
    assert managers.kernel == expected([endpoint(1)], {})


def test_dispatch_follows_a_changed_list(managers: Managers) -> None:
    managers.run(ProfileUpdate("a", OPEN), ProfileUpdate("b", OPEN), update(1, "a"))
    managers.run(update(1, "a", "b"))

    value = endpoint(1, "a", "b")
    assert managers.kernel.maps[FROM_MAP][1] == dispatch_elements(value)[FROM_MAP]
    assert managers.kernel.maps[TO_MAP][1] == dispatch_elements(value)[TO_MAP]


def test_interfaces_pass_from_one_endpoint_to_another_in_one_transaction(managers: Managers) -> None:
    managers.run(ProfileUpdate("a", OPEN), ProfileUpdate("b", OPEN))
    managers.run(update(1, "a", interface="calix"), update(2, "b", interface="caliy"))

    swapped = update(1, "a", interface="caliy"), update(2, "b", interface="calix")
    assert managers.run(EndpointRemove(key("e1")), EndpointRemove(key("e2")), *swapped) == 1
    assert managers.kernel == expected([item.endpoint for item in swapped], {"a": OPEN, "b": OPEN})

    taken = update(3, "a", interface="calix")
    managers.run(EndpointRemove(key("e2")), taken)
    assert managers.kernel == expected([swapped[0].endpoint, taken.endpoint], {"a": OPEN, "b": OPEN})


def test_endpoint_removed_and_made_again_in_one_batch_stays_as_it_is(managers: Managers) -> None:
    managers.run(ProfileUpdate("a", OPEN), update(1, "a"))
    assert managers.run(EndpointRemove(key("e1")), update(1, "a")) == 0
    assert managers.run(update(2, "a"), EndpointRemove(key("e2"))) == 0


@pytest.mark.parametrize("seed", range(20))
def test_any_history_ends_where_its_last_state_would_begin(seed: int) -> None:
    chance = random.Random(seed)
    managers = Managers()
    names = ("a", "b", "c")
    profiles = dict.fromkeys(names, OPEN)
    managers.run(*(ProfileUpdate(name, OPEN) for name in names))
    endpoints: dict[int, Endpoint] = {}
    for _ in range(30):
        batch: list[Update] = []
        for number in chance.sample(range(5), k=chance.randint(1, 3)):
            if number in endpoints and chance.random() < 0.4:
                del endpoints[number]
                batch.append(EndpointRemove(key(f"e{number}")))
            else:
                item = update(number, *chance.sample(names, k=chance.randint(0, 3)))
                endpoints[number] = item.endpoint
                batch.append(item)
        managers.run(*batch)
        assert managers.run(*batch) == 0, "a batch applied twice changes nothing"
        assert managers.kernel == expected(list(endpoints.values()), dict(profiles))
