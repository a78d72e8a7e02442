"""What does not depend on endpoints: the base chains on the kernel's hooks, the maps and the sets they look into."""

from calico.dataplane.nft.values import Chain, MapSpec, SetSpec
from calico.updates import HostConfigUpdate


def static_chains(config: HostConfigUpdate) -> dict[str, Chain]:
    """Every base chain and what they jump to, by name; they look into all of the static sets and maps."""
    raise NotImplementedError


def static_sets() -> dict[str, SetSpec]:
    """The sets that exist on every host, by name: sources, pools, masqueraded pools."""
    raise NotImplementedError


def static_maps() -> dict[str, MapSpec]:
    """The maps that exist on every host, by name: ``cali-from`` and ``cali-to``."""
    raise NotImplementedError
