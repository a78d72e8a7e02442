"""The errors of the project; every error that crosses a package border is one of these.

    CalicoError
    ├── ValidationError      a value from outside is not acceptable; the text names the field
    │   └── AmbiguousError   a name is that of several things; each is listed
    ├── NotFoundError        the named thing does not exist
    ├── AlreadyExistsError   the named thing exists and may not be made again
    ├── InUseError           the named thing is still used by others and stays
    ├── ConflictError        a compare-and-swap lost; read again and retry
    ├── CompactedError       the history asked for is gone; take a fresh snapshot
    ├── UnavailableError     the datastore, the engine or the kernel did not answer in time
    └── ApplyError           the kernel refused what we asked; nothing of it took effect

Foreign errors (sqlite3, OSError, netlink) are translated where the foreign library is called.
The faces turn these into an exit code, an HTTP status or Docker's ``Err``, each in one place.
"""


class CalicoError(Exception):
    """Root of the tree. ``str()`` is one line, written for the person who must act on it."""

    @property
    def details(self) -> tuple[str, ...]:
        """Further lines that help a person at a terminal; the first one does without them."""
        return ()


class ValidationError(CalicoError):
    """A value from outside is not acceptable."""


class AmbiguousError(ValidationError):
    """A name is that of several things; ``candidates`` has a line for each that says what tells it apart."""

    def __init__(self, message: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.candidates = candidates


class NotFoundError(CalicoError):
    """The named thing does not exist."""


class AlreadyExistsError(CalicoError):
    """The named thing exists and may not be made again."""


class InUseError(CalicoError):
    """The named thing is still used by others; nothing was changed."""


class ConflictError(CalicoError):
    """A compare-and-swap lost against another writer; nothing was written."""


class CompactedError(CalicoError):
    """The revision asked for lies before the oldest one kept."""

    def __init__(self, compact_revision: int) -> None:
        super().__init__(f"history before revision {compact_revision} is gone")
        self.compact_revision = compact_revision


class UnavailableError(CalicoError):
    """Something we depend on did not answer within its deadline; the same call may work later."""


class ApplyError(CalicoError):
    """The kernel refused a transaction; nothing of it took effect."""
