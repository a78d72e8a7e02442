"""What the datastore holds, as frozen, validated values; everything above speaks in these.

    key       where a thing lives in the tree (:mod:`calico.model.keys`)
    value     the thing (:mod:`calico.model.values`): Endpoint, Profile, Rule, IPPool, AllocationBlock …
    codec     value to JSON text and back, with the faulty field named (:mod:`calico.model.codec`)
    change    "the value at this key is now that" (:mod:`calico.model.changes`)
    error     what may go wrong, in one small tree (:mod:`calico.model.errors`)

Nothing here does I/O, and nothing here imports anything of the project but this package.
"""
