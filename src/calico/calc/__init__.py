"""From what the datastore holds to what this host's kernel must hold: incremental and pure.

    change        one key has a new value (:mod:`calico.model.changes`); the input
    update        a message of :mod:`calico.updates`; the output
    node          a class that answers one question and tells its listeners when the answer changes
    local         on our own host
    programmable  a local endpoint that the kernel can police: active, with an interface of ours
    active        a profile that a programmed endpoint lists; a tag that a rule of an active profile names
    gate          what holds every output back until the datastore is in sync and ready
    flush         all that is to change on the host since the flush before, in an order that is safe at every step

Start at :mod:`calico.calc.graph`: it wires the nodes and draws the wiring. Only what a local endpoint refers
to becomes active, and the cost of a change follows the change, not the size of the world. Nothing here does I/O.
"""
