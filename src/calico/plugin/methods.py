"""Every method of the protocol, and who answers it."""

from collections.abc import Mapping

from calico.client.store import Deadline
from calico.plugin.ipam import IPAMDriver
from calico.plugin.network import NetworkDriver
from calico.plugin.server import Answer, Method
from calico.plugin.wire import (
    CreateEndpoint,
    CreateNetwork,
    EndpointRequest,
    Join,
    NetworkRequest,
    ReleaseAddress,
    ReleasePool,
    Request,
    RequestAddress,
    RequestPool,
)

JOIN_SECONDS = 15.0


def plugin_methods(network: NetworkDriver, ipam: IPAMDriver) -> Mapping[str, Method]:
    """The table that the server serves. What is not in it is answered with 404, which Docker understands."""
    return {
        "Plugin.Activate": Method(Request, _activate),
        "NetworkDriver.GetCapabilities": Method(Request, network.capabilities),
        "NetworkDriver.AllocateNetwork": Method(NetworkRequest, _allocate_network),
        "NetworkDriver.FreeNetwork": Method(NetworkRequest, network.nothing),
        "NetworkDriver.CreateNetwork": Method(CreateNetwork, network.create_network),
        "NetworkDriver.DeleteNetwork": Method(NetworkRequest, network.delete_network),
        "NetworkDriver.CreateEndpoint": Method(CreateEndpoint, network.create_endpoint),
        "NetworkDriver.EndpointOperInfo": Method(EndpointRequest, network.endpoint_info),
        "NetworkDriver.DeleteEndpoint": Method(EndpointRequest, network.delete_endpoint),
        "NetworkDriver.Join": Method(Join, network.join, JOIN_SECONDS),
        "NetworkDriver.Leave": Method(EndpointRequest, network.leave),
        "NetworkDriver.DiscoverNew": Method(Request, network.nothing),
        "NetworkDriver.DiscoverDelete": Method(Request, network.nothing),
        "NetworkDriver.ProgramExternalConnectivity": Method(EndpointRequest, network.nothing),
        "NetworkDriver.RevokeExternalConnectivity": Method(EndpointRequest, network.nothing),
        "IpamDriver.GetCapabilities": Method(Request, ipam.capabilities),
        "IpamDriver.GetDefaultAddressSpaces": Method(Request, ipam.address_spaces),
        "IpamDriver.RequestPool": Method(RequestPool, ipam.request_pool),
        "IpamDriver.ReleasePool": Method(ReleasePool, ipam.release_pool),
        "IpamDriver.RequestAddress": Method(RequestAddress, ipam.request_address),
        "IpamDriver.ReleaseAddress": Method(ReleaseAddress, ipam.release_address),
    }


def _activate(_request: Request, _deadline: Deadline) -> Answer:
    return {"Implements": ["NetworkDriver", "IpamDriver"]}


def _allocate_network(_request: NetworkRequest, _deadline: Deadline) -> Answer:
    return {"Options": {}}
