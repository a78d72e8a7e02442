"""Records behave as frozen dataclasses with slots do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
import threading
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.model.record import field, ordered_record, record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EMPTY: Mapping[str, object] = MappingProxyType({})


@record
class Point:
    """A place."""

    x: int
    y: int = 7

    @property
    def sum(self) -> int:
        return self.x + self.y


@record
class OtherPoint:
    x: int
    y: int = 7


@record
class Note:
    text: str
    extra: Mapping[str, object] = field(default=EMPTY, hash=False)
    payload: Mapping[str, object] = field(hash=False, default=EMPTY)


@ordered_record
class Found:
    name: str
    where: list[int] = field(default=(), compare=False)


@record
class Positive:
    number: int

    def __post_init__(self) -> None:
        if self.number <= 0:
            raise ValueError(f"{self.number} is not positive")


@ordered_record
class Place:
    @property
    def path(self) -> str:
        raise NotImplementedError


@ordered_record
class Shelf(Place):
    room: str
    number: int

    @property
    def path(self) -> str:
        return f"/{self.room}/{self.number}"


@ordered_record
class Box(Shelf):
    label: str = ""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class DataShelf:
    room: str
    number: int


class TestMaking:
    @pytest.mark.parametrize(
        "point", [Point(1, 2), Point(1, y=2), Point(y=2, x=1), replace(Point(0, 2), x=1), replace(Point(1, 9), y=2)]
    )
    def test_by_place_and_by_name(self, point: Point) -> None:
        assert (point.x, point.y, point.sum) == (1, 2, 3)

    def test_a_default_stands_in(self) -> None:
        assert (Point(1).y, Note("a").extra) == (7, EMPTY)

    @pytest.mark.parametrize(
        ("make", "complaint"),
        [
            (lambda: Point(), r"Point.__init__\(\) missing 1 required positional argument: 'x'"),
            (lambda: Point(1, 2, 3), r"Point.__init__\(\) takes from 2 to 3 positional arguments but 4 were given"),
            (lambda: Point(1, z=2), r"Point.__init__\(\) got an unexpected keyword argument 'z'"),
            (lambda: Point(1, x=2), r"Point.__init__\(\) got multiple values for argument 'x'"),
            (lambda: replace(Point(1), z=2), "unexpected keyword argument 'z'"),
        ],
    )
    def test_wrong_arguments_are_named(self, make: Callable[[], object], complaint: str) -> None:
        with pytest.raises(TypeError, match=complaint):
            make()

    def test_post_init_checks_every_new_record(self) -> None:
        with pytest.raises(ValueError, match="-1 is not positive"):
            Positive(-1)
        with pytest.raises(ValueError, match="0 is not positive"):
            replace(Positive(1), number=0)

    def test_a_record_without_fields_is_one(self) -> None:
        assert (Place(), hash(Place()), repr(Place()), bool(Place())) == (Place(), hash(()), "Place()", True)

    def test_a_dataclass_may_be_replaced_too(self) -> None:
        assert replace(DataShelf("a", 1), number=2) == DataShelf("a", 2)

    def test_many_threads_may_make_the_first_record(self) -> None:
        for _ in range(50):

            @record
            class Fresh:
                number: int
                name: str = "a"

            barrier = threading.Barrier(4)
            found: set[object] = set()

            def make(barrier: threading.Barrier = barrier, kind: type = Fresh, found: set[object] = found) -> None:
                barrier.wait()
                found.add(kind(1))

            threads = [threading.Thread(target=make) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert found == {Fresh(1, "a")}


class TestComparing:
    def test_equal_are_records_of_one_class_with_equal_fields(self) -> None:
        assert Point(1, 2) == Point(1, 2)
        assert hash(Point(1, 2)) == hash(Point(1, 2))
        assert Point(1, 2) != Point(1, 3)
        assert Point(1, 2) != OtherPoint(1, 2)
        assert Point(1, 2) != (1, 2)
        assert Shelf("a", 1) != Box("a", 1)

    def test_a_field_may_stay_out_of_the_hash_but_counts_in_comparisons(self) -> None:
        one, other = Note("a", {"k": [1]}), Note("a", {"k": [2]})

        assert hash(one) == hash(other) == hash(("a",))
        assert one != other

    def test_a_field_may_stay_out_of_comparisons_and_the_hash(self) -> None:
        one, other = Found("a", [1]), Found("a", [2])

        assert one == other
        assert one <= other
        assert hash(one) == hash(other) == hash(("a",))
        assert one != Found("b", [1])

    def test_a_field_that_has_no_hash_leaves_the_record_without(self) -> None:
        with pytest.raises(TypeError, match="unhashable"):
            hash(Shelf(["a"], 1))  # type: ignore[arg-type]

    def test_without_order_there_is_none(self) -> None:
        with pytest.raises(TypeError, match="not supported"):
            Point(1) < Point(2)  # type: ignore[operator]  # noqa: B015

    def test_classes_of_one_parent_are_not_ordered_among_each_other(self) -> None:
        with pytest.raises(TypeError, match="not supported"):
            Shelf("a", 1) < Box("b", 1)  # noqa: B015

    @given(*[st.tuples(st.sampled_from("ab"), st.integers(0, 2))] * 2)
    def test_comparisons_are_those_of_a_dataclass(self, a: tuple[str, int], b: tuple[str, int]) -> None:
        one, other, data, more = Shelf(*a), Shelf(*b), DataShelf(*a), DataShelf(*b)

        assert [one == other, one != other, one < other, one <= other, one > other, one >= other] == [
            data == more, data != more, data < more, data <= more, data > more, data >= more,
        ]  # fmt: skip
        assert hash(one) == hash(data)


class TestBeing:
    def test_nothing_changes_once_made(self) -> None:
        point = Point(1)

        with pytest.raises(AttributeError, match="cannot change 'x': a Point is frozen"):
            point.x = 2  # type: ignore[misc]
        with pytest.raises(AttributeError, match="cannot change 'x': a Point is frozen"):
            del point.x
        with pytest.raises(AttributeError, match="cannot change 'z'"):
            point.z = 2  # type: ignore[attr-defined]
        assert point == Point(1)

    def test_fields_are_slots(self) -> None:
        assert not hasattr(Box("a", 1), "__dict__")
        assert (Shelf.__slots__, Box.__slots__) == (("room", "number"), ("label",))  # type: ignore[attr-defined]

    def test_the_text_is_how_it_is_made(self) -> None:
        assert repr(Point(1)) == "Point(x=1, y=7)"
        assert repr(Box("a", 1, label="'")) == """Box(room='a', number=1, label="'")"""

    def test_a_pattern_takes_fields_by_place(self) -> None:
        match Box("a", 1, "b"):
            case Box(room, number, label):
                assert (room, number, label) == ("a", 1, "b")

    @pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
    def test_copies_are_equal(self, again: Callable[[object], object]) -> None:
        assert again(Box("a", 1, "b")) == Box("a", 1, "b")

    def test_a_subclass_has_the_fields_of_its_parent_first(self) -> None:
        assert Box("a", 1).path == "/a/1"
        assert isinstance(Box("a", 1), Shelf)
        assert replace(Box("a", 1, "b"), room="c") == Box("c", 1, "b")

    def test_the_class_keeps_its_name_and_text(self) -> None:
        assert (Point.__name__, Point.__qualname__, Point.__module__, Point.__doc__) == (
            "Point", "Point", __name__, "A place.",
        )  # fmt: skip


def test_a_required_field_behind_a_default_is_refused() -> None:
    @record
    class Wrong:
        a: int = 1
        b: int  # type: ignore[misc]

    with pytest.raises(SyntaxError, match="default argument"):
        Wrong(1, 2)


def test_annotations_that_are_not_text_are_refused_where_they_would_be_missed() -> None:
    lazy = type("Lazy", (), {"__annotate_func__": lambda _format: {"x": int}})

    with pytest.raises(TypeError, match="Lazy must have 'from __future__ import annotations'"):
        record(lazy)


def test_importing_records_imports_nothing_else() -> None:
    script = (
        "import sys; before = set(sys.modules); import calico.model.record; print(*sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert result.stdout.split() == ["__future__", "calico", "calico.model", "calico.model.record"]
