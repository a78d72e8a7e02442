"""Records: frozen values with named fields, for programs that must start at once.

A record class is written like a dataclass that is frozen and has slots, and the type checker takes it for one::

    @record
    class Range:
        low: int
        high: int = 65535
        note: Mapping[str, object] = field(default=NO_NOTE, hash=False)

Two records are equal when they are of the same class and all their fields are; those of an ``ordered_record``
compare by their fields in order. ``__post_init__``, when there is one, runs at the end of ``__init__``.
:func:`replace` makes a record that differs in some fields.

Why not :mod:`dataclasses`: importing it takes 1.5 times as long as Python itself takes to start, and every class
a twentieth of that, because its methods are written as text and compiled whether they are used or not. This
module imports nothing, and the methods of a class are compiled when its first record is made: a command uses few
of the classes that it imports. From then on they cost what those of a dataclass do, and ``__init__`` costs less.

A module with records has ``from __future__ import annotations``: every annotation in the class is a field.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_options):
        """That of :mod:`typing` (PEP 681): it says something to the type checker only."""
        return lambda decorator: decorator


_REQUIRED = object()
_METHODS = """
def __eq__(self, other):
    if other.__class__ is not self.__class__:
        return NotImplemented
    return ({mine}) == ({others})

def __hash__(self):
    return hash(({hashed}))

def __init__(self, {parameters}):
    {assignments}
"""
_COMPARISON = """
def {name}(self, other):
    if other.__class__ is not self.__class__:
        return NotImplemented
    return ({mine}) {sign} ({others})
"""
_SIGNS = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}


class _Field:
    """What is said of a field beside its name and type."""

    __slots__ = ("compare", "default", "hash")

    def __init__(self, default: object, hash: bool, compare: bool = True) -> None:  # noqa: A002
        self.default = default
        self.hash = hash
        self.compare = compare


def field(*, default: Any = _REQUIRED, hash: bool = True, compare: bool = True) -> Any:  # noqa: A002
    """A field of which more is to be said than type and default: one without ``hash`` has no part in the hash.

    One without ``compare`` has no part in equality and order either. All records that are not given a value share
    ``default``, so it must not be one that changes.
    """
    return _Field(default, hash, compare)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(kind: type[T]) -> type[T]:
    """Make a class of records of a class that lists their fields."""
    return _record_class(kind, ordered=False)


@dataclass_transform(frozen_default=True, order_default=True, field_specifiers=(field,))
def ordered_record(kind: type[T]) -> type[T]:
    """Make a class of records that are ordered, among those of this very class, of one that lists their fields."""
    return _record_class(kind, ordered=True)


def replace(value: T, **changes: object) -> T:
    """A record like ``value`` but for the fields named in ``changes``; it is checked like any new one.

    Takes dataclasses too, for modules that have both; :func:`dataclasses.replace` does not take records.
    """
    kind: Any = type(value)
    fields = kind.__record_fields__ if hasattr(kind, "__record_fields__") else kind.__dataclass_fields__
    made: T = kind(**{name: getattr(value, name) for name in fields} | changes)
    return made


def _record_class(kind: type[T], *, ordered: bool) -> type[T]:
    """The class ``kind`` made anew, because slots cannot be added to one that exists."""
    namespace = {name: value for name, value in vars(kind).items() if name not in ("__dict__", "__weakref__")}
    if "__annotate_func__" in namespace:  # so Python 3.14 keeps annotations that are not text
        raise TypeError(f"the module of record {kind.__name__} must have 'from __future__ import annotations'")
    own = {}
    for name in namespace.get("__annotations__", ()):
        given = namespace.pop(name, _REQUIRED)
        own[name] = given if isinstance(given, _Field) else _Field(given, hash=True)
    fields: dict[str, _Field] = {**getattr(kind, "__record_fields__", {}), **own}
    namespace |= {
        "__qualname__": kind.__qualname__,
        "__slots__": tuple(own),
        "__match_args__": tuple(fields),
        "__record_fields__": fields,
        "__record_ordered__": ordered,
        "__init__": _first_init,
        "__repr__": _repr,
        "__setattr__": _refuse_change,
        "__delattr__": _refuse_change,
        "__reduce__": _reduce,
    }
    made: type[T] = type(kind.__name__, kind.__bases__, namespace)
    return made


def _first_init(self: Any, *values: object, **named: object) -> None:
    """The ``__init__`` of a class of which there are no records yet."""
    kind: Any = type(self)
    _write_methods(kind)
    kind.__init__(self, *values, **named)


def _write_methods(kind: Any) -> None:
    """Give ``kind`` the methods that name its fields, ``__init__`` last: who finds that one finds them all."""
    fields: dict[str, _Field] = kind.__record_fields__
    parameters = [name if one.default is _REQUIRED else f"{name}=_default_{name}" for name, one in fields.items()]
    assignments = [f"_set_{name}(self, {name})" for name in fields]
    if hasattr(kind, "__post_init__"):
        assignments.append("self.__post_init__()")
    parts = {
        "parameters": ", ".join(parameters),
        "assignments": "; ".join(assignments) or "pass",
        "mine": "".join(f"self.{name}, " for name, one in fields.items() if one.compare),
        "others": "".join(f"other.{name}, " for name, one in fields.items() if one.compare),
        "hashed": "".join(f"self.{name}, " for name, one in fields.items() if one.hash and one.compare),
    }
    signs = _SIGNS if kind.__record_ordered__ else {}
    text = "".join(_COMPARISON.format(name=name, sign=sign, **parts) for name, sign in signs.items())
    text += _METHODS.format(**parts)
    scope: dict[str, object] = {"__name__": kind.__module__}
    scope |= {f"_set_{name}": getattr(kind, name).__set__ for name in fields}
    scope |= {f"_default_{name}": one.default for name, one in fields.items()}
    methods: dict[str, Any] = {}
    exec(compile(text, f"<record {kind.__qualname__}>", "exec"), scope, methods)  # noqa: S102  (names of ours only)
    for name, method in methods.items():
        method.__qualname__ = f"{kind.__qualname__}.{name}"
        setattr(kind, name, method)


def _repr(self: Any) -> str:
    values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{type(self).__qualname__}({values})"


def _reduce(self: Any) -> tuple[type, tuple[object, ...]]:
    """What copies and pickles are made of."""
    return type(self), tuple(getattr(self, name) for name in self.__match_args__)


def _refuse_change(self: object, name: str, _value: object = None) -> None:
    raise AttributeError(f"cannot change {name!r}: a {type(self).__name__} is frozen")
