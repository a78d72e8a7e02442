"""One read-modify-write: what it reads guards what it writes, and it ends in time."""

import itertools

import pytest

from calico.client.store import ATTEMPTS, WRITES, Deadline, Store, Transaction
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import ConflictError, UnavailableError, ValidationError
from calico.model.keys import ConfigKey, EndpointKey, ProfileTagsKey
from tests.fakes.datastore import FaultyDatastore
from tests.fakes.interleaving import InterleavedDatastore

A = ConfigKey("a")
B = ConfigKey("b")


def write(datastore: MemoryDatastore, key: ConfigKey, value: str) -> None:
    datastore.transact((), (Put(key.path, value),))


def value(datastore: MemoryDatastore, key: ConfigKey) -> str | None:
    found = datastore.get(key.path)
    return None if found is None else found.value


def copy_a_to_b(transaction: Transaction) -> str | None:
    found = transaction.get(A, str)
    transaction.put(B, found or "none")
    return found


def test_writes_together_what_was_decided() -> None:
    datastore = MemoryDatastore()
    write(datastore, A, "1")
    seen = InterleavedDatastore(datastore)
    assert Store(seen).run(copy_a_to_b) == "1"
    assert value(datastore, B) == "1"
    assert seen.calls == ["get", "transact"]


def test_is_tried_again_on_fresh_values_when_what_it_read_changed() -> None:
    datastore = MemoryDatastore()
    seen = InterleavedDatastore(datastore)
    seen.arm(before={2: lambda: write(datastore, A, "2")})
    assert Store(seen).run(copy_a_to_b) == "2"
    assert value(datastore, B) == "2"


def test_does_not_care_about_what_it_only_peeked_at() -> None:
    datastore = MemoryDatastore()
    write(datastore, A, "1")
    seen = InterleavedDatastore(datastore)
    seen.arm(before={2: lambda: write(datastore, A, "2")})

    def peeking(transaction: Transaction) -> None:
        entry = transaction.peek(A, str)
        transaction.put(B, entry.value if entry else "none")

    Store(seen).run(peeking)
    assert value(datastore, B) == "1"
    assert len(seen.calls) == 2


def test_cares_about_what_it_guards() -> None:
    datastore = MemoryDatastore()
    seen = InterleavedDatastore(datastore)
    seen.arm(before={1: lambda: write(datastore, A, "1")})
    attempts = itertools.count(1)

    def guarding(transaction: Transaction) -> int:
        number = next(attempts)
        if number == 1:
            transaction.guard(A, 0)
        transaction.put(B, str(number))
        return number

    assert Store(seen).run(guarding) == 2
    assert value(datastore, B) == "2"


def test_sees_what_it_wrote_itself() -> None:
    datastore = MemoryDatastore()
    write(datastore, A, "1")

    def operation(transaction: Transaction) -> tuple[str | None, str | None]:
        transaction.put(B, "new")
        transaction.delete(A)
        return transaction.get(A, str), transaction.get(B, str)

    assert Store(datastore).run(operation) == (None, "new")


def test_reads_a_key_once() -> None:
    seen = InterleavedDatastore(MemoryDatastore())
    Store(seen).run(lambda transaction: (transaction.exists(A), transaction.get(A, str)))
    assert seen.calls == ["get"]


def test_writes_nothing_when_it_raises() -> None:
    datastore = MemoryDatastore()

    def operation(transaction: Transaction) -> None:
        transaction.put(A, "1")
        raise ValidationError("no")

    with pytest.raises(ValidationError, match="no"):
        Store(datastore).run(operation)
    assert value(datastore, A) is None


@pytest.mark.parametrize(
    "key", [ConfigKey(""), ConfigKey("a/b"), ProfileTagsKey("a b"), EndpointKey("h", "", "w", "e")]
)
def test_never_writes_a_key_that_could_not_be_read_back(key: ConfigKey) -> None:
    with pytest.raises(ValidationError):
        Store(MemoryDatastore()).run(lambda transaction: transaction.put(key, ()))


def test_names_key_and_field_of_a_value_that_cannot_be_understood() -> None:
    datastore = MemoryDatastore()
    key = ProfileTagsKey("P")
    datastore.transact((), (Put(key.path, '["ok", "not ok"]'),))
    with pytest.raises(ValidationError, match=r"policy/profile/P/tags: tags\[1\]"):
        Store(datastore).get(key, tuple)


def test_lists_what_can_be_understood() -> None:
    datastore = MemoryDatastore()
    texts = {"A": '["a"]', "B": "{", "C c": "[]", "D": '["d"]'}
    datastore.transact((), [Put(ProfileTagsKey(name).path, text) for name, text in texts.items()])
    found = Store(datastore).list("/calico/v1/policy", ProfileTagsKey, tuple)
    assert [(entry.key.profile, entry.value) for entry in found] == [("A", ("a",)), ("D", ("d",))]


def test_gives_up_after_100_tries() -> None:
    faulty = FaultyDatastore(MemoryDatastore())
    faulty.fail_next(ConflictError("lost"), calls=ATTEMPTS, on="transact")
    store = Store(faulty)
    with pytest.raises(ConflictError, match="100 times in a row; try again"):
        store.run(copy_a_to_b)
    assert store.run(copy_a_to_b) is None


def test_gives_the_datastore_the_time_that_is_left() -> None:
    times = iter((0.0, 1.0, 2.5))
    deadline = Deadline(3, lambda: next(times))
    assert [deadline.remaining(), deadline.remaining()] == [2.0, 0.5]


def test_ends_when_time_is_up() -> None:
    times = iter((0.0, 3.0))
    with pytest.raises(UnavailableError, match="within 3 s"):
        Store(MemoryDatastore(), 3, clock=lambda: next(times)).run(copy_a_to_b)


def test_deletes_everything_below_in_steps_that_every_backend_takes() -> None:
    datastore = MemoryDatastore()
    for number in range(WRITES + 5):
        datastore.transact((), (Put(f"/calico/x/{number}", ""), Put(f"/calico/xy/{number}", "")))
    store = Store(datastore)
    assert store.delete_below(("/calico/x", "/calico/none"))
    assert len(store.raw("/calico")) == WRITES + 5
    assert not store.delete_below(("/calico/x",))
