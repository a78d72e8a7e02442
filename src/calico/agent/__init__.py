"""The per-host process, ``calico-node``: it wires the parts together and decides nothing itself.

    settings   the environment, read once (:mod:`calico.agent.settings`)
    assembly   which part feeds which (:mod:`calico.agent.assembly`)
    pipeline   the threads between datastore and kernel (:mod:`calico.agent.pipeline`)
    control    the socket on which ``calicoctl`` asks how the agent is (:mod:`calico.agent.control`)
    engine     what only Docker knows, asked outside of any plugin request (:mod:`calico.agent.engine`)
    names      what Docker calls containers and networks, kept in the datastore (:mod:`calico.agent.names`)

Stopping the agent leaves policy, routes and interfaces as they are: it neither opens nor cuts traffic.
"""
