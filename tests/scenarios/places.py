"""The fixed surroundings of all scenarios: one host, its workloads, and the machines beyond its uplink."""

from dataclasses import dataclass

UPLINK = "uplink"
HOST = "host"


@dataclass(frozen=True)
class Place:
    """A machine or container: the host's interface that leads to it, and its addresses by IP version."""

    interface: str
    addresses: dict[int, str]


PLACES = {
    "a": Place("calia", {4: "10.65.0.1", 6: "fd65::1"}),
    "b": Place("calib", {4: "10.65.0.2", 6: "fd65::2"}),
    "c": Place("calic", {4: "10.65.0.3", 6: "fd65::3"}),
    "d": Place("calid", {4: "10.65.0.4", 6: "fd65::4"}),
    # A workload on another host.
    "r": Place(UPLINK, {4: "10.65.1.1", 6: "fd65:1::1"}),
    # A machine that is no workload.
    "w": Place(UPLINK, {4: "198.51.100.7", 6: "2001:db8:7::7"}),
    # The host itself, by the address of its uplink.
    HOST: Place("", {4: "192.0.2.1", 6: "2001:db8::1"}),
}
LOCAL = tuple(name for name, place in PLACES.items() if place.interface.startswith("cali"))
