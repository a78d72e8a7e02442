"""Profiles and ordered lists of profiles as chains."""

from calico.dataplane.nft.values import Chain
from calico.model.values import ProfileRules


def render_profile(name: str, rules: ProfileRules | None) -> dict[str, Chain]:
    """The two chains of a profile, by chain name; ``None`` (missing or invalid) drops in both directions."""
    raise NotImplementedError


def render_profile_list(profiles: tuple[str, ...]) -> dict[str, Chain]:
    """The two chains that try these profiles in order and drop what none of them decides, by chain name.

    The chains jump to those of :func:`render_profile` for each of ``profiles``.
    """
    raise NotImplementedError
