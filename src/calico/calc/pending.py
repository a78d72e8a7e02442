"""What the host has been told, and how that differs from what it should be told.

Both classes keep the difference exact at all times: a change that is taken back before it was sent leaves no
trace, and the cost of taking the difference is its own size.
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from calico.updates import IPSetDelta, IPSetRemove, IPSetUpdate, Update

K = TypeVar("K")
U = TypeVar("U", bound=Update)


class Taken(NamedTuple):
    """The messages that make the difference; how the two lists interleave with others' is the sequencer's."""

    updates: list[Update]
    removals: list[Update]


def _no_slot(_update: Update) -> None:
    return None


class Pending(Generic[K, U]):
    """One kind of object that is sent whole: ``K`` identifies it, ``U`` is the message that carries it.

    ``removal`` makes the message for an object that is gone. ``slot`` tells the place on the host that an object
    occupies alone: one that moves to another slot is sent as a removal and an update, so that a reader who takes
    removals first never sees two objects in one slot, even when two of them swap.
    """

    def __init__(self, removal: Callable[[K], Update], slot: Callable[[U], object] = _no_slot) -> None:
        self._removal = removal
        self._slot = slot
        self._sent: dict[K, U] = {}
        self._changed: dict[K, U] = {}
        self._gone: dict[K, None] = {}

    def put(self, identity: K, update: U) -> None:
        """The object should be as ``update`` says."""
        self._gone.pop(identity, None)
        if self._sent.get(identity) == update:
            self._changed.pop(identity, None)
        else:
            self._changed[identity] = update

    def drop(self, identity: K) -> None:
        """The object should not be there."""
        self._changed.pop(identity, None)
        if identity in self._sent:
            self._gone[identity] = None

    def take(self) -> Taken:
        """Give the difference out and count it as sent."""
        moved = [key for key, update in self._changed.items() if self._moves(key, update)]
        taken = Taken([*self._changed.values()], [self._removal(key) for key in (*self._gone, *moved)])
        self._sent.update(self._changed)
        for key in self._gone:
            del self._sent[key]
        self._changed.clear()
        self._gone.clear()
        return taken

    def _moves(self, identity: K, update: U) -> bool:
        sent = self._sent.get(identity)
        return sent is not None and self._slot(sent) != self._slot(update)


class PendingIPSets:
    """The IP sets: sent whole once, then by the addresses that joined and left.

    Takes in every change of every tag and keeps only those of tags that the host knows. ``members_of`` is asked
    when a tag is sent whole, so that becoming active costs the tag's members and nothing is stored twice.
    """

    def __init__(self, members_of: Callable[[str], frozenset[str]]) -> None:
        self._members_of = members_of
        self._sent: set[str] = set()
        self._new: dict[str, None] = {}
        self._gone: dict[str, None] = {}
        self._moves: dict[str, dict[str, bool]] = {}  # of sent tags: address → whether it joined

    def on_active(self, tag: str) -> None:
        """The host needs the tag from now on."""
        if tag in self._sent:
            self._gone.pop(tag, None)
        else:
            self._new[tag] = None

    def on_inactive(self, tag: str) -> None:
        """The host does not need the tag any more."""
        if tag in self._sent:
            self._gone[tag] = None
        else:
            self._new.pop(tag, None)

    def on_joined(self, tag: str, address: str) -> None:
        """The tag has an address that it did not have."""
        self._move(tag, address, joined=True)

    def on_left(self, tag: str, address: str) -> None:
        """The tag lost an address that it had."""
        self._move(tag, address, joined=False)

    def take(self) -> Taken:
        """Give the difference out and count it as sent."""
        taken = Taken(
            [
                *(IPSetUpdate(tag, self._members_of(tag)) for tag in self._new),
                *(_delta(tag, moves) for tag, moves in self._moves.items() if tag not in self._gone),
            ],
            [IPSetRemove(tag) for tag in self._gone],
        )
        self._sent |= self._new.keys()
        self._sent -= self._gone.keys()
        self._new.clear()
        self._gone.clear()
        self._moves.clear()
        return taken

    def _move(self, tag: str, address: str, *, joined: bool) -> None:
        # A sent tag is followed even while it is inactive: it may be active again before the next flush.
        if tag not in self._sent:
            return
        moves = self._moves.setdefault(tag, {})
        if address not in moves:
            moves[address] = joined
            return
        # Joining and leaving alternate, so the second move of an address takes the first one back.
        del moves[address]
        if not moves:
            del self._moves[tag]


def _delta(tag: str, moves: dict[str, bool]) -> IPSetDelta:
    added = frozenset(address for address, joined in moves.items() if joined)
    return IPSetDelta(tag, added, frozenset(moves.keys() - added))
