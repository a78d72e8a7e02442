"""One set or map: what should stand in it, what the kernel has, and the keys at which the two may differ."""

from collections.abc import Iterable, Iterator, Mapping

from calico.dataplane.nft.elements import ElementChange
from calico.dataplane.nft.intervals import merge_networks
from calico.dataplane.nft.listing import SetFacts
from calico.dataplane.nft.text import CommandText
from calico.dataplane.nft.values import Element, MapSpec, MapVerdict, SetSpec

Contents = Mapping[Element, MapVerdict | None]
"""Elements of a set (to ``None``) or of a map (to their verdicts)."""


class SetState:
    """A set or map that is desired. Changing it and finding the difference cost as much as the change.

    ``committed`` is what the kernel has: ``None`` when the set does not exist there.
    """

    def __init__(self, spec: SetSpec | MapSpec, committed: SetFacts | None) -> None:
        self.spec = spec
        self.committed = committed
        self._desired: dict[Element, MapVerdict | None] = {}
        self._touched: set[Element] = set()
        self.compare_all()

    def replace(self, contents: Contents) -> None:
        """The contents are exactly these."""
        self._touched.update(_differing(self._desired, contents))
        self._desired = dict(contents)

    def change(self, added: Contents, removed: Iterable[Element]) -> None:
        """Remove, then add or replace."""
        for element in removed:
            self._desired.pop(element, None)
            self._touched.add(element)
        self._desired.update(added)
        self._touched.update(added)

    def compare_all(self) -> None:
        """Every element may differ from the kernel's: ``committed`` was read anew."""
        known = self.committed.elements if self.committed else None
        self._touched = set(_differing(known or {}, self._desired))

    @property
    def changed(self) -> bool:
        """Whether the kernel has to be told something."""
        if self.committed is None or self.committed.elements is None:
            return True
        if self._interval:
            return bool(self._touched) and self._merged() != self.committed.elements
        return any(True for _ in self._differences(self.committed.elements))

    def commands(self, name: str, text: CommandText) -> Iterator[str]:
        """The commands that bring the kernel's set, which exists by now, to the desired contents."""
        if not self.changed:
            return
        committed = self.committed.elements if self.committed else {}
        if committed is None or (self._interval and committed):
            yield text.flush_set(name, self.spec)
            committed = {}
        if self._interval:
            yield from text.add_elements(name, self.spec, self._merged())
            return
        change = self._element_change(name, committed)
        yield from text.delete_elements(name, self.spec, change.removed)
        yield from text.add_elements(name, self.spec, change.added)

    def element_change(self, name: str) -> ElementChange | None:
        """The same difference as bare elements; ``None`` when it takes more than adding and removing single ones."""
        committed = self.committed.elements if self.committed else None
        return None if committed is None or self._interval else self._element_change(name, committed)

    def commit(self) -> None:
        """The kernel took the commands."""
        elements = self.committed.elements if self.committed else None
        if elements is None or self._interval:
            self.committed = SetFacts(self.spec, self._merged() if self._interval else dict(self._desired))
        else:
            for element in self._touched:
                if element in self._desired:
                    elements[element] = self._desired[element]
                else:
                    elements.pop(element, None)
        self._touched.clear()

    def describe_difference(self) -> str:
        """How the kernel's contents differ from the desired ones, in a few words; empty when they do not."""
        if self.committed is None:
            return "is missing"
        if not self.changed:
            return ""
        if self.committed.elements is None:
            return "holds something that is not ours"
        desired = self._merged() if self._interval else self._desired
        committed = self.committed.elements
        missing = sum(1 for element in desired if element not in committed)
        surplus = sum(1 for element in committed if element not in desired)
        other = sum(1 for element in desired if element in committed and committed[element] != desired[element])
        counts = (("lacks", missing), ("has strange", surplus), ("leads astray", other))
        return ", ".join(f"{words} {count} element{'s'[: count > 1]}" for words, count in counts if count)

    @property
    def _interval(self) -> bool:
        return isinstance(self.spec, SetSpec) and self.spec.interval

    def _merged(self) -> dict[Element, MapVerdict | None]:
        networks = merge_networks(element for element in self._desired if isinstance(element, str))
        return dict.fromkeys(sorted(networks))

    def _element_change(self, name: str, committed: Contents) -> ElementChange:
        differing = sorted(self._differences(committed), key=str)  # the same change is the same text
        removed = [element for element in differing if element in committed]
        added = {element: self._desired[element] for element in differing if element in self._desired}
        return ElementChange(name, self.spec, removed, added)

    def _differences(self, committed: Contents) -> Iterator[Element]:
        return (element for element in self._touched if _at(self._desired, element) != _at(committed, element))


_ABSENT = object()


def _at(contents: Contents, element: Element) -> object:
    return contents.get(element, _ABSENT)  # a set's elements stand for None, which is not "absent"


def _differing(left: Contents, right: Contents) -> Iterator[Element]:
    yield from (element for element in left if _at(right, element) != left[element])
    yield from (element for element in right if element not in left)
