"""Updates in, desired state out: one manager for each kind of thing.

A manager has ``on_update``, which takes notice of the updates it knows and ignores the rest, and ``complete``, which
sets the desired state that follows from them. The managers of policy write into a
:class:`calico.dataplane.nft.api.Table` what ``render`` makes of the values; those of interfaces and of the host act
on links, routes and kernel settings through the narrow protocols that they name themselves.
"""
