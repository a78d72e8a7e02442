"""Which profiles this host needs."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from calico.model.values import ProfileRules
from calico.updates import EndpointRemove, EndpointUpdate, ProfileRemove, ProfileUpdate

if TYPE_CHECKING:
    from calico.model.keys import EndpointKey


class ActiveProfiles:
    """Counts which profiles the programmed endpoints list, and gives those out with their rules.

    A profile that is listed but missing or invalid is active with ``None`` for its rules: it drops.
    Leaves it to :class:`~calico.calc.endpoint_resolver.EndpointResolver` which endpoints are programmed, and to
    :class:`~calico.calc.rule_scanner.RuleScanner` what the rules say.
    """

    def __init__(self, emit: Callable[[ProfileUpdate | ProfileRemove], None]) -> None:
        self._emit = emit
        self._rules: dict[str, ProfileRules] = {}
        self._listed: dict[EndpointKey, tuple[str, ...]] = {}
        self._uses: dict[str, int] = {}

    def on_endpoint(self, update: EndpointUpdate | EndpointRemove) -> None:
        """A programmed endpoint has come, changed or gone."""
        old = self._listed.pop(update.key, ())
        new = update.endpoint.profiles if isinstance(update, EndpointUpdate) else ()
        if new:
            self._listed[update.key] = new
        if new == old:
            return
        # Added before removed, so that a profile in both lists does not go and come.
        for profile in new:
            self._add_use(profile)
        for profile in old:
            self._remove_use(profile)

    def on_rules(self, profile: str, rules: ProfileRules | None) -> None:
        """The rules of a profile are now these, or are missing or invalid."""
        if self._rules.get(profile) == rules:
            return
        if rules is None:
            del self._rules[profile]
        else:
            self._rules[profile] = rules
        if profile in self._uses:
            self._emit(ProfileUpdate(profile, rules))

    def _add_use(self, profile: str) -> None:
        uses = self._uses.get(profile, 0)
        self._uses[profile] = uses + 1
        if uses == 0:
            self._emit(ProfileUpdate(profile, self._rules.get(profile)))

    def _remove_use(self, profile: str) -> None:
        self._uses[profile] -= 1
        if self._uses[profile] == 0:
            del self._uses[profile]
            self._emit(ProfileRemove(profile))
