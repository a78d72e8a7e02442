"""``calicoctl bgp``: how all nodes exchange routes."""

from __future__ import annotations

from calico.cli import arguments
from calico.cli.peers import GLOBAL
from calico.client.bgp import BGP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session


def node_mesh(found: Match, session: Session) -> int:
    """Show whether every node exchanges routes with every other, or switch it on or off."""
    routing = BGP(session.datastore)
    if found.choices:
        routing.set_node_mesh(enabled=found.choices == ("on",))
    else:
        session.out.line("on" if routing.node_mesh() else "off")
    return 0


def default_as_number(found: Match, session: Session) -> int:
    """Show or set the AS number of nodes that have none of their own."""
    routing = BGP(session.datastore)
    numbers = [arguments.as_number(text) for text in found.values("AS_NUM")]
    if numbers:
        routing.set_default_as_number(numbers[0])
    else:
        session.out.line(routing.default_as_number())
    return 0


USAGES = {
    "bgp peer add <PEER_IP> as <AS_NUM>": GLOBAL.add,
    "bgp peer remove <PEER_IP>": GLOBAL.remove,
    "bgp peer show [--ipv4 | --ipv6] [-o <FORMAT>]": GLOBAL.show,
    "bgp node-mesh [on|off]": node_mesh,
    "bgp default-node-as [<AS_NUM>]": default_as_number,
}

NOTES = """\
'bgp peer' is about routers that every node exchanges routes with; for those of one node see 'calicoctl node bgp
peer'. With 'node-mesh' on, as it is at first, every node exchanges routes with every other. Without <AS_NUM>, and
without on or off, the present value is shown.

calico-node runs no BGP daemon yet: these settings are kept, and no routes are exchanged.

  <AS_NUM>  An AS number such as 64511, or in two parts such as 1.10.

Options:
  --ipv4       Show IPv4 peers only.
  --ipv6       Show IPv6 peers only.
  -o <FORMAT>  table, yaml or json (default: table); what is not a table can be given to 'calicoctl apply'.
"""
