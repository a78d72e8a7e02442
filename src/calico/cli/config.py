"""``calicoctl config``: single settings of the policy engine and of routing."""

from __future__ import annotations

from calico.client.config import BGP, FELIX, NODE_BGP, OPTIONS, Config, option_doubt, option_key
from calico.model.errors import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.config import SettingKey

NOT_SET = "No value configured"


def felix(found: Match, session: Session) -> int:
    """Show or set how the policy engine of every node works."""
    return _show_or_set(FELIX, found, session)


def bgp(found: Match, session: Session) -> int:
    """Show or set how every node exchanges routes."""
    return _show_or_set(BGP, found, session)


def node_bgp(found: Match, session: Session) -> int:
    """Show or set how this node exchanges routes."""
    return _show_or_set(NODE_BGP, found, session)


def remove_felix(found: Match, session: Session) -> int:
    """Take back what was set for the policy engine of every node."""
    return _remove(FELIX, found, session)


def remove_bgp(found: Match, session: Session) -> int:
    """Take back what was set for the routing of every node."""
    return _remove(BGP, found, session)


def remove_node_bgp(found: Match, session: Session) -> int:
    """Take back what was set for the routing of this node."""
    return _remove(NODE_BGP, found, session)


def _show_or_set(scope: str, found: Match, session: Session) -> int:
    value = next(iter(found.values("VALUE")), None)
    key = _key(scope, found, session, value)
    config = Config(session.datastore)
    if value is None:
        session.out.line(config.get(key) or NOT_SET)
    else:
        config.set(key, value)
    return 0


def _remove(scope: str, found: Match, session: Session) -> int:
    key = _key(scope, found, session, None)
    session.out.line("Value removed" if Config(session.datastore).remove(key) else NOT_SET)
    return 0


def _key(scope: str, found: Match, session: Session, value: str | None) -> SettingKey:
    """The setting that is meant; an option or a value that we do not know needs ``--force``."""
    name = found.value("NAME")
    doubt = option_doubt(scope, name, value)
    if doubt and not found.flag("--force"):
        raise ValidationError(f"{doubt} Use the --force option to override.")
    if doubt:
        session.out.error(f"{doubt} The --force option is set.")
    return option_key(scope, name, session.node if scope == NODE_BGP else "")


def _options() -> str:
    return "".join(
        f"  {scope:9} {name:9} {', '.join(option.values)}\n"
        for scope, options in OPTIONS.items()
        for name, option in options.items()
    )


USAGES = {
    "config felix <NAME> [<VALUE>] [--force]": felix,
    "config felix <NAME> --remove [--force]": remove_felix,
    "config bgp <NAME> [<VALUE>] [--force]": bgp,
    "config bgp <NAME> --remove [--force]": remove_bgp,
    "config node bgp <NAME> [<VALUE>] [--force]": node_bgp,
    "config node bgp <NAME> --remove [--force]": remove_node_bgp,
}

NOTES = f"""\
Without <VALUE> the value that is set is shown.

Scope     Name      Values
{_options()}
'felix loglevel' is how much calico-node writes to its log; every node follows at once. Where CALICO_LOG_LEVEL is
set for calico-node, that counts instead. The scope 'node bgp' is this node alone. calico-node runs no BGP daemon
yet: what is set for 'bgp' and 'node bgp' is kept, and has no effect.

Options:
  --remove  Take the value back.
  --force   Allow names and values that are not in the list: a name then stands for the setting of that very name.
"""
