"""The names of our kernel objects: a fixed word, or a fixed word and a hash; never text that somebody typed."""

import hashlib
from collections.abc import Iterable

FROM_MAP = "cali-from"
TO_MAP = "cali-to"
SOURCE_SETS = {4: "cali-src4", 6: "cali-src6"}
POOL_SETS = {4: "cali-pools4", 6: "cali-pools6"}
MASQUERADE_SETS = {4: "cali-masq4", 6: "cali-masq6"}

_DIRECTION_LETTERS = {"inbound": "i", "outbound": "o"}


def tag_set_name(tag: str, version: int) -> str:
    """The set of a tag's addresses of one IP version."""
    return f"cali-t{version}-{_digest(tag)}"


def tag_set_names(tag: str) -> tuple[str, str]:
    """The sets of a tag's addresses: IPv4, IPv6."""
    return tag_set_name(tag, 4), tag_set_name(tag, 6)


def profile_chain_name(profile: str, direction: str) -> str:
    """The chain of a profile's ``inbound`` or ``outbound`` rules."""
    return f"cali-p{_DIRECTION_LETTERS[direction]}-{_digest(profile)}"


def list_chain_name(profiles: Iterable[str], direction: str) -> str:
    """The chain that tries these profiles in order."""
    return f"cali-l{_DIRECTION_LETTERS[direction]}-{_digest('/'.join(profiles))}"


def _digest(text: str) -> str:
    # 96 bits: nobody finds two names of one hash. A slash, the separator above, is in no name.
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
