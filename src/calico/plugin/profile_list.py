"""Which profiles an endpoint gets when it is made: its network's, or those named for it alone.

    docker network create … --opt profiles=web,base NET         the network's list, in order
    docker run --network 'name=NET,"driver-opt=calico.profiles=db,@network"' …
                                                                this endpoint's list; ``@network`` stands for NET's

Docker's client writes the values of an endpoint's options in lower case, so a name is looked up as it is and then
without regard to case.
"""

from collections.abc import Sequence

from calico.model.errors import ValidationError
from calico.model.names import validate_name
from calico.plugin.wire import Options

NETWORK_OPTION = "profiles"
NETWORK_OPTIONS = (NETWORK_OPTION,)
"""Every ``--opt`` that the driver knows."""

ENDPOINT_PREFIX = "calico."
ENDPOINT_OPTION = "calico.profiles"
NETWORKS_OWN = "@network"


def network_profiles(options: Options) -> tuple[str, ...]:
    """The names after ``--opt profiles=``, none when it is not given; refuses every option that we do not know."""
    for name in sorted(options):
        if name not in NETWORK_OPTIONS:
            known = ", ".join(NETWORK_OPTIONS)
            raise ValidationError(f"the calico driver does not know the option {name!r}; it knows {known}")
    return _parse(options[NETWORK_OPTION], NETWORK_OPTION) if NETWORK_OPTION in options else ()


def endpoint_profiles(options: Options) -> tuple[str, ...]:
    """The names after ``driver-opt=calico.profiles=``, none when it is not given; options of others are let be."""
    for name in sorted(options):
        if name.startswith(ENDPOINT_PREFIX) and name != ENDPOINT_OPTION:
            raise ValidationError(f"the calico driver does not know the option {name!r}; it knows {ENDPOINT_OPTION}")
    return _parse(options[ENDPOINT_OPTION], ENDPOINT_OPTION, NETWORKS_OWN) if ENDPOINT_OPTION in options else ()


def joined(names: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    """``names`` with the network's ``own`` in the place of ``@network``; each profile once, at its first place."""
    every = [profile for name in names for profile in (own if name == NETWORKS_OWN else (name,))]
    return tuple(dict.fromkeys(every))


def _parse(value: object, option: str, *words: str) -> tuple[str, ...]:
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else []
    if not any(names):
        raise ValidationError(f"the option {option} names no profile: give it as {option}=NAME,NAME")
    return tuple(name if name in words else validate_name(name, "profile") for name in dict.fromkeys(names))
