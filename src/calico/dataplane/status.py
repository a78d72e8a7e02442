"""How far the kernel is: which endpoints are up, as of which datastore revision, and if not, why.

The dataplane's thread publishes; any thread may wait or look.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from calico.model.errors import UnavailableError
from calico.model.keys import EndpointKey


@dataclass(frozen=True, slots=True)
class InterfaceState:
    """An endpoint's interface: set up under the kernel's ``index`` number, or not, with the ``reason``."""

    name: str
    index: int | None = None
    reason: str = ""

    @property
    def ready(self) -> bool:
        """Whether settings and routes are in place."""
        return self.index is not None and not self.reason


@dataclass(frozen=True, slots=True)
class Progress:
    """What the dataplane's thread has to tell after each round.

    ``states`` are the interfaces that changed, ``None`` for endpoints that are gone. ``policy_fault`` tells why the
    newest policy is not in the kernel, ``host_faults`` what keeps every endpoint of the host from working.
    ``revision`` is that of the newest policy in the kernel; ``blocked_profiles`` drop, as the kernel refuses them.
    """

    in_sync: bool
    revision: int
    states: Mapping[EndpointKey, InterfaceState | None]
    policy_fault: str = ""
    host_faults: Sequence[str] = ()
    blocked_profiles: tuple[str, ...] = ()
    repairs: int = 0


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """One local endpoint as ``calicoctl status`` shows it; ``reason`` is empty for one that is up."""

    key: EndpointKey
    interface: str
    reason: str

    @property
    def up(self) -> bool:
        """Whether packets flow as policy says."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class DataplaneStatus:
    """The whole at one moment. ``error`` is empty when all is well; ``repairs`` counts what others had changed."""

    in_sync: bool
    revision: int
    endpoints: tuple[EndpointStatus, ...]
    error: str
    blocked_profiles: tuple[str, ...]
    repairs: int


class EndpointStatuses:
    """The board between the dataplane's thread and those who wait for an endpoint.

    ``current_index`` gives the kernel's number of an interface at this moment, ``None`` when there is none: what was
    set up for an interface says nothing about one that was made anew under the same name.
    """

    def __init__(self, current_index: Callable[[str], int | None]) -> None:
        self._current_index = current_index
        self._changed = threading.Condition()
        self._in_sync = False
        self._revision = 0
        self._states: dict[EndpointKey, InterfaceState] = {}
        self._policy_fault = ""
        self._host_faults: tuple[str, ...] = ()
        self._blocked_profiles: tuple[str, ...] = ()
        self._repairs = 0

    def publish(self, progress: Progress) -> None:
        """Tell the newest state; wakes who waits."""
        with self._changed:
            self._in_sync = progress.in_sync
            self._revision = progress.revision
            self._policy_fault = progress.policy_fault
            self._host_faults = tuple(progress.host_faults)
            self._blocked_profiles = progress.blocked_profiles
            self._repairs = progress.repairs
            for key, state in progress.states.items():
                if state is None:
                    self._states.pop(key, None)
                else:
                    self._states[key] = state
            self._changed.notify_all()

    def wait_up(self, key: EndpointKey, revision: int, timeout: float) -> None:
        """Return when the endpoint is policed by the kernel as of ``revision`` or later, and its interface works.

        Raises :class:`UnavailableError` with the reason when ``timeout`` seconds have passed.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._obstacle(key, revision), timeout):
                reason = self._obstacle(key, revision)
                raise UnavailableError(f"endpoint {key.endpoint} is not up after {timeout:.3g} s: {reason}")

    def snapshot(self) -> DataplaneStatus:
        """Everything, for people."""
        with self._changed:
            fault = "; ".join(text for text in (self._policy_fault, *self._host_faults) if text)
            endpoints = (EndpointStatus(key, state.name, state.reason) for key, state in self._states.items())
            ordered = tuple(sorted(endpoints, key=lambda status: status.key))
            return DataplaneStatus(
                in_sync=self._in_sync,
                revision=self._revision,
                endpoints=ordered,
                error=fault,
                blocked_profiles=self._blocked_profiles,
                repairs=self._repairs,
            )

    def _obstacle(self, key: EndpointKey, revision: int) -> str:
        """Why the endpoint is not up; empty when it is."""
        if not self._in_sync:
            return "the agent has not read the whole datastore yet"
        if self._revision < revision:
            return self._policy_fault or f"the kernel has the policy of revision {self._revision}, not yet {revision}"
        state = self._states.get(key)
        if state is None:
            return "the datastore holds no valid, active endpoint of this host with this id"
        if not state.ready:
            return state.reason
        if self._current_index(state.name) != state.index:
            return f"interface {state.name} was made anew and is not set up yet"
        return self._host_faults[0] if self._host_faults else ""
