"""When anything may be told to the host at all."""


class Gate:
    """Open once the datastore has been in sync, and while its ready flag says ``true``.

    Before the first in-sync we know only part of the world, and part of a policy may open what the whole shuts.
    After it the gate never closes for want of sync: an outage or a resync changes nothing on a running host.

    A ready flag that is false, absent or garbage holds the host as it is: what was sent stays, changes gather
    behind the gate, and when the flag is true again one flush brings the difference. So a datastore that is
    being rebuilt takes no policy away from anybody, and gives none to a new endpoint.
    """

    def __init__(self) -> None:
        self._in_sync = False
        self._ready = False
        self._revision = 0

    @property
    def is_open(self) -> bool:
        """Whether a flush may give anything out."""
        return self._in_sync and self._ready

    @property
    def is_held(self) -> bool:
        """Whether the ready flag alone keeps it shut."""
        return self._in_sync and not self._ready

    @property
    def revision(self) -> int:
        """Every change up to this datastore revision has come in.

        It may go back: a datastore restored from a backup begins again at an earlier revision.
        """
        return self._revision

    def on_ready(self, ready: bool | None) -> None:
        """The ready flag is now this; ``None`` when it is absent or garbage."""
        self._ready = ready is True

    def on_in_sync(self, revision: int) -> None:
        """A whole snapshot has come in; later ones are resyncs."""
        self._in_sync = True
        self._revision = revision

    def on_progress(self, revision: int) -> None:
        """All changes up to ``revision`` have come in."""
        self._revision = revision
