"""Which tags this host needs."""

from collections.abc import Callable

from calico.model.values import ProfileRules
from calico.updates import ProfileRemove, ProfileUpdate


class RuleScanner:
    """Counts which tags the rules of the active profiles name, and says when a tag becomes active or stops.

    Leaves it to :class:`~calico.calc.active_profiles.ActiveProfiles` which profiles are active, and to
    :class:`~calico.calc.tag_members.TagMembers` who carries a tag. The tags that a profile gives to its
    endpoints are of no interest here.
    """

    def __init__(self, on_active: Callable[[str], None], on_inactive: Callable[[str], None]) -> None:
        self._on_active = on_active
        self._on_inactive = on_inactive
        self._named: dict[str, tuple[str, ...]] = {}
        self._uses: dict[str, int] = {}

    def on_profile(self, update: ProfileUpdate | ProfileRemove) -> None:
        """An active profile has come, changed or gone."""
        old = self._named.pop(update.name, ())
        new = _tags_named(update.rules) if isinstance(update, ProfileUpdate) else ()
        if new:
            self._named[update.name] = new
        # Added before removed, so that a tag named before and after does not go and come.
        for tag in new:
            self._add_use(tag)
        for tag in old:
            self._remove_use(tag)

    def _add_use(self, tag: str) -> None:
        uses = self._uses.get(tag, 0)
        self._uses[tag] = uses + 1
        if uses == 0:
            self._on_active(tag)

    def _remove_use(self, tag: str) -> None:
        self._uses[tag] -= 1
        if self._uses[tag] == 0:
            del self._uses[tag]
            self._on_inactive(tag)


def _tags_named(rules: ProfileRules | None) -> tuple[str, ...]:
    """Each tag that the rules name, once, in the order of the rules."""
    if rules is None:
        return ()
    tags = (tag for rule in rules.inbound + rules.outbound for tag in (rule.src_tag, rule.dst_tag))
    return tuple(dict.fromkeys(tag for tag in tags if tag is not None))
