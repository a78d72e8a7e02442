"""Operations that every face shares: what may be asked of profiles, endpoints, pools, addresses and nodes.

    store         the datastore as typed values (:mod:`calico.client.store`)
    transaction   one try of a read-modify-write: reads, a decision, and writes that take effect together
                  or not at all, and only if nothing that was read has changed meanwhile
    operation     a method of a class here; it tries until it succeeds, at most 100 times, within its timeout

Each class covers one noun, holds no state but the datastore, and may be used from any thread.
Errors are those of :mod:`calico.model.errors`; their text is for the person at the terminal, as it is.
"""
