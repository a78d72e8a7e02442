"""Which address next: decisions on blocks, handles and pools, as functions from values to values.

    pool        a range that addresses are taken from
    block       an aligned piece of a pool, 64 addresses, that one host claims as a whole
    affinity    that claim: a preference, not a lock; any host may assign from and release to any block
    ordinal     an address by its place in its block, 0..63
    queue       the free ordinals of a block: assigned from the front, released to the back, so that an
                address that was just given back is the last to be given out again
    handle      a name under which addresses are taken, to find and release them together

No address is reserved: the first and the last of a block are given out like all others.
Nothing here reads or writes a datastore; :mod:`calico.client.addresses` does, by compare-and-swap.
"""
