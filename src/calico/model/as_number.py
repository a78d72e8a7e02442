"""AS numbers of routing, as people write them."""

from calico.model.errors import ValidationError

LARGEST_AS_NUMBER = 2**32 - 1


def parse_as_number(text: str) -> int:
    """An AS number as one number, or as ``high.low`` of 16 bits each (RFC 5396)."""
    high, dotted, low = text.rpartition(".")
    parts, largest = ((high, low), 65535) if dotted else ((low,), LARGEST_AS_NUMBER)
    value = 0
    for part in parts:
        if not (part.isascii() and part.isdigit() and len(part) <= 10 and int(part) <= largest):
            raise ValidationError("Invalid AS Number specified.")
        value = value * 65536 + int(part)
    return value
