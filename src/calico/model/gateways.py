"""The next hops of every container: link-local addresses, the same on every link of every host.

They belong to no pool. The host answers for them on each endpoint's interface: for IPv4 by proxy ARP, for IPv6
because its end of the pair carries the address (RFC 4291 has link-local addresses be unique on one link only).
"""

IPV4_GATEWAY = "169.254.1.1"
IPV6_GATEWAY = "fe80::ecee:eeff:fe00:1"
