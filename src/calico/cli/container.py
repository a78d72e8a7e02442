"""``calicoctl container``: containers that join Calico without a Docker network."""

from __future__ import annotations

from calico.cli import arguments, endpoint, profile_list
from calico.client.containers import DEFAULT_INTERFACE, AddressRequest, Containers
from calico.client.endpoints import SEVERAL
from calico.model.errors import NotFoundError, ValidationError
from calico.model.net import canonical_address, parse_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.endpoints import Found

_VERSIONS = {"ipv4": 4, "ipv6": 6}
_NO_ADDRESS = "Invalid IP address specified.  Argument must be a valid IP or CIDR."


def add(found: Match, session: Session) -> int:
    """Give a running container an interface and an address."""
    session.require_root()
    wanted = _address_request(found.value("IP"))
    name, interface = found.value("CONTAINER"), _interface(found) or DEFAULT_INTERFACE
    address = _containers(session).add(name, wanted, interface)
    session.out.paragraph(f"IP {address} added to {name}")
    return 0


def remove(found: Match, session: Session) -> int:
    """Take a container out of Calico, whether it runs or not."""
    session.require_root()
    name = found.value("CONTAINER")
    if _containers(session).remove(name):
        session.out.line(f"Removed Calico from {name}")
    else:
        session.out.line(f"Failed find Calico data for {name}")
    return 0


def add_address(found: Match, session: Session) -> int:
    """Give a container one more address."""
    session.require_root()
    wanted = _address_request(found.value("IP"))
    name = found.value("CONTAINER")
    address = _containers(session).add_address(name, wanted, _interface(found))
    session.out.paragraph(f"IP {address} added to {name}")
    return 0


def remove_address(found: Match, session: Session) -> int:
    """Take one of its addresses from a container."""
    session.require_root()
    address, name = arguments.address(found.value("IP")), found.value("CONTAINER")
    _containers(session).remove_address(name, address, _interface(found))
    session.out.paragraph(f"IP {address} removed from {name}")
    return 0


def show(found: Match, session: Session) -> int:
    """Print the endpoints of a container."""
    form = arguments.form(found)
    if form != "table":
        return endpoint.print_documents(session, _endpoints(found, session), form)
    session.out.table(endpoint.DETAILED, endpoint.detailed_rows(_endpoints(found, session)), sort_by="Hostname")
    session.out.line()
    return 0


def append_profiles(found: Match, session: Session) -> int:
    """Put profiles at the end of the container's list."""
    return profile_list.append(lambda: _only(found, session, "append profiles to"), found.values("PROFILE"), session)


def remove_profiles(found: Match, session: Session) -> int:
    """Take profiles out of the container's list."""
    return profile_list.remove(
        lambda: _only(found, session, "remove profiles from"), found.values("PROFILE"), session
    )


def set_profiles(found: Match, session: Session) -> int:
    """Replace the container's list of profiles."""
    return profile_list.replace(lambda: _only(found, session, "set profiles for"), found.values("PROFILE"), session)


def _containers(session: Session) -> Containers:
    from random import shuffle

    return Containers(session.datastore, session.node, session.machine.container_host(), shuffle=shuffle)


def _endpoints(found: Match, session: Session) -> tuple[Found, ...]:
    containers = _containers(session)
    return containers.endpoints(containers.find(found.value("CONTAINER")))


def _only(found: Match, session: Session, failed: str) -> Found:
    """The container's one endpoint; ``failed`` words the refusal when it has none."""
    endpoints = _endpoints(found, session)
    if not endpoints:
        name = found.value("CONTAINER")
        raise NotFoundError(f"Failed to {failed} endpoint. Container {name} is unknown to Calico.")
    if len(endpoints) > 1:
        raise ValidationError(SEVERAL)
    return endpoints[0]


def _address_request(text: str) -> AddressRequest:
    """Which address is asked for: one as it stands, any of an IP version, or any of a pool."""
    if text.lower() in _VERSIONS:
        return AddressRequest(_VERSIONS[text.lower()])
    try:
        if "/" in text:
            network = parse_network(text)
            return AddressRequest(network.version, pool=str(network))
        address = canonical_address(text)
    except ValidationError:
        raise ValidationError(_NO_ADDRESS) from None
    return AddressRequest(6 if ":" in address else 4, address=address)


def _interface(found: Match) -> str:
    """The interface that was named, empty when none was."""
    from calico.linux.devices import validate_device

    name = found.option("--interface")
    return "" if name is None else validate_device(name)


USAGES = {
    "container add <CONTAINER> <IP> [--interface=<INTERFACE>]": add,
    "container remove <CONTAINER>": remove,
    "container <CONTAINER> ip add <IP> [--interface=<INTERFACE>]": add_address,
    "container <CONTAINER> ip remove <IP> [--interface=<INTERFACE>]": remove_address,
    "container <CONTAINER> endpoint show [-o <FORMAT>]": show,
    "container <CONTAINER> profile append [<PROFILE>...]": append_profiles,
    "container <CONTAINER> profile remove [<PROFILE>...]": remove_profiles,
    "container <CONTAINER> profile set [<PROFILE>...]": set_profiles,
}

NOTES = f"""\
For containers that were started without a Calico network ('docker run --network none', or on Docker's bridge) and
for network namespaces of other kinds. Those of a Calico network are changed with 'calicoctl endpoint'.

'add' puts an interface into the running container, through which it then reaches everything of that IP version. It
has no profile yet: give it one with 'profile append', or nothing gets through. When the container ends, its
interface goes: 'remove' it and 'add' it anew once it runs again.

  <CONTAINER>  A Docker container's name, id, or unique beginning of its id; or the path of a network namespace.
  <IP>         An address, 'ipv4' or 'ipv6' for the next free one, or the CIDR of a pool to take the next one from.
               To 'ip remove', an address.

Options:
  --interface=<INTERFACE>  Name of the interface in the container (default: {DEFAULT_INTERFACE}; for 'ip', the one
                           that the container has).
  -o <FORMAT>              table, yaml or json (default: table).
"""
