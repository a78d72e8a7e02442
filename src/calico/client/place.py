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


def fault(place: Place, what: str) -> NoReturn:
    """Refuse what stands at ``place``."""
    raise ValidationError(f"{place}: {what}")
