"""libnftables through ctypes: runs nft's language inside this process, one transaction a call."""


class NftLibrary:
    """One libnftables context. It speaks to the network namespace of the thread that made it; use it from one thread.

    Raises :class:`calico.model.errors.UnavailableError` when the library is not installed.
    """

    def __init__(self) -> None:
        raise NotImplementedError

    def run(self, commands: str) -> None:
        """Run ``commands`` (one per line) as one transaction.

        Raises :class:`calico.model.errors.ApplyError` with the first error; then nothing took effect.
        """
        raise NotImplementedError

    def list_table(self, family: str, name: str) -> list[dict[str, object]] | None:
        """The objects of a table as nft lists them in JSON (libnftables-json(5)); ``None`` without such a table."""
        raise NotImplementedError

    def close(self) -> None:
        """Give the context back; may be called twice."""
        raise NotImplementedError
