"""Where something stands in a text that a person wrote."""

from __future__ import annotations

from calico.model.errors import ValidationError
from calico.model.record import ordered_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


@ordered_record
class Place:
    """Where something stands; its text is what compilers print: ``web.yaml:3:5``."""

    source: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"


class FaultError(ValidationError):
    """What stands at a place is not acceptable."""

    def __init__(self, place: Place, what: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(f"{place}: {what}")
        self.place = place
        self._details = details

    @property
    def details(self) -> tuple[str, ...]:
        """What a person may want to see beside the line."""
        return self._details


def fault(place: Place, what: str, details: tuple[str, ...] = ()) -> NoReturn:
    """Refuse what stands at ``place``."""
    raise FaultError(place, what, details)
