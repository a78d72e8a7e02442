"""What may be asked of a datastore, checked in one place for every backend.

The limits are those of an etcd v3 server with its default settings, so that what one backend accepts
every backend accepts.
"""

from collections.abc import Iterable, Sequence

from calico.datastore.api import Compare, Delete, Put
from calico.model.errors import ValidationError

MAX_OPERATIONS = 128
"""Comparisons, and writes, of one transaction (etcd: ``--max-txn-ops``)."""

MAX_BYTES = 1 << 20
"""Keys and values of one transaction together (etcd: ``--max-request-bytes`` is 1.5 MiB)."""

Write = Put | Delete


def validate_key(key: object) -> str:
    """Give ``key`` back when it is an absolute path: ``/calico/v1/Ready``."""
    if not isinstance(key, str):
        raise ValidationError(f"a datastore key must be text, not {type(key).__name__}")
    if not key.startswith("/") or key.endswith("/") or "//" in key or not key.isprintable():
        raise ValidationError(f"{key!r} is not a datastore key: an absolute path like /calico/v1/Ready")
    return key


def validate_transaction(
    compares: Iterable[Compare], writes: Sequence[Write]
) -> tuple[tuple[Compare, ...], tuple[Write, ...]]:
    """Both parts as tuples when a backend may run them; raises :class:`ValidationError` with the reason."""
    conditions, changes = tuple(compares), tuple(writes)
    if len(conditions) > MAX_OPERATIONS or len(changes) > MAX_OPERATIONS:
        raise ValidationError(f"a transaction holds at most {MAX_OPERATIONS} comparisons and {MAX_OPERATIONS} writes")
    for condition in conditions:
        validate_key(condition.key)
    seen = set()
    size = 0
    for change in changes:
        if validate_key(change.key) in seen:
            raise ValidationError(f"{change.key} is written twice in one transaction")
        seen.add(change.key)
        size += len(change.key) + (_value_size(change) if isinstance(change, Put) else 0)
    if size > MAX_BYTES:
        raise ValidationError(f"a transaction holds at most {MAX_BYTES} bytes, not {size}")
    return conditions, changes


def _value_size(put: Put) -> int:
    if not isinstance(put.value, str):
        raise ValidationError(f"the value of {put.key} must be text, not {type(put.value).__name__}")
    try:
        return len(put.value.encode())
    except UnicodeEncodeError:
        raise ValidationError(f"the value of {put.key} is not text that UTF-8 can hold") from None


def directory_range(directory: object) -> tuple[str, str]:
    """The keys below ``directory`` are those with ``low <= key < high``; ``/`` is the whole tree."""
    if directory in ("", "/"):
        return "/", "0"
    path = validate_key(directory.removesuffix("/") if isinstance(directory, str) else directory)
    return path + "/", path + "0"
