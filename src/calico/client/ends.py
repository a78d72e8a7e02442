"""The two ends of a connection that somebody asks about, from what was typed to what they are.

endpoint   a container's interface, by any name of it or by one of its addresses
host       the IP stack of a host itself: ``host`` is this one, other hosts are known by their address
outside    any other address
"""

from __future__ import annotations

from calico.model.errors import NotFoundError, ValidationError
from calico.model.keys import EndpointKey
from calico.model.net import address_of, canonical_address, parse_address, parse_network
from calico.model.record import record
from calico.model.values import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from calico.client.content import Content
    from calico.model.net import Network

HOST_WORD = "host"

_NOT_UNICAST = tuple(
    map(
        parse_network,
        ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "::1/128", "ff00::/8"),
    )
)
_NOT_FOR_PEERS = (*_NOT_UNICAST, *map(parse_network, ("169.254.0.0/16", "fe80::/10")))


@record
class End:
    """One end: with ``key`` an endpoint, with ``host`` the host of this name itself, with neither outside.

    ``text`` is how the person called it; ``addresses`` are those that it may have here, in order of preference.
    """

    text: str
    addresses: tuple[str, ...]
    key: EndpointKey | None = None
    host: str = ""

    def address(self, version: int) -> str:
        """Its first address of an IP version; empty when it has none."""
        return next((address for address in self.addresses if version_of(address) == version), "")


class Ends:
    """Finds ends.

    ``here`` is the name of this host and ``own_addresses`` gives what its interfaces have, for whoever needs it.
    ``find_endpoint`` knows all names of valid endpoints, and raises :class:`NotFoundError` or
    :class:`ValidationError`.
    """

    def __init__(
        self,
        content: Content,
        here: str,
        own_addresses: Callable[[], Collection[str]],
        find_endpoint: Callable[[str], EndpointKey],
    ) -> None:
        self._content = content
        self._here = here
        self._own_addresses = own_addresses
        self._find_endpoint = find_endpoint

    def resolve(self, text: str) -> End:
        """The end that ``text`` means; raises what ``find_endpoint`` raises when it means none."""
        if text == HOST_WORD:
            return self._host(text, self._here)
        try:
            address = canonical_address(text)
        except ValidationError:
            return self._endpoint(text)
        return self._at(address)

    def _endpoint(self, text: str) -> End:
        try:
            key = self._find_endpoint(text)
        except NotFoundError as error:
            key = self._invalid_endpoint(text, error)
        endpoint = self._content.values.get(key)
        nets = endpoint.nets if isinstance(endpoint, Endpoint) else ()
        return End(text, tuple(dict.fromkeys(map(address_of, nets))), key)

    def _invalid_endpoint(self, text: str, error: NotFoundError) -> EndpointKey:
        """The endpoint with this id whose value cannot be understood, so that nobody knows any name of it."""
        for key in self._content.faults:
            if isinstance(key, EndpointKey) and key.endpoint == text:
                return key
        raise NotFoundError(f"{error} An end is an endpoint, an IP address or {HOST_WORD!r}.") from None

    def _at(self, address: str) -> End:
        if _lies_in(address, _NOT_UNICAST):
            raise ValidationError(f"{address} is not the address of one machine on a network")
        owners = [
            (endpoint.state != "active", key)
            for key, endpoint in self._content.endpoints.items()
            if address in map(address_of, endpoint.nets)
        ]
        if owners:
            # An address has one active owner at most, unless somebody wrote to the datastore by hand.
            return End(address, (address,), min(owners)[1])
        host = self._content.host_at(address)
        if not host and address in self._own_addresses():
            host = self._here
        return End(address, (address,), host=host)

    def _host(self, text: str, host: str) -> End:
        """A host is called by what it is registered with: that is what other hosts see of it."""
        registered = [self._content.host_address(host, version) for version in (4, 6)]
        others = sorted(address for address in self._own_addresses() if not _lies_in(address, _NOT_FOR_PEERS))
        return End(text, tuple(dict.fromkeys(filter(None, [*registered, *others]))), host=host)


def _lies_in(address: str, networks: Iterable[Network]) -> bool:
    version, value = parse_address(address)
    return any(network.version == version and network.contains(value) for network in networks)


def choose_addresses(source: End, destination: End, versions: Collection[int]) -> tuple[int, str, str]:
    """The first of ``versions`` in which both ends have an address, and these addresses.

    Raises :class:`ValidationError` when there is none.
    """
    for version in versions:
        if source.address(version) and destination.address(version):
            return version, source.address(version), destination.address(version)
    for end in (source, destination):
        if not any(end.address(version) for version in versions):
            names = " or ".join(f"IPv{version}" for version in versions)
            raise ValidationError(f"{end.text} has no {names} address")
    raise ValidationError(f"{source.text} and {destination.text} have no address of the same IP version")


def version_of(address: str) -> int:
    """The IP version of an address."""
    return 6 if ":" in address else 4
