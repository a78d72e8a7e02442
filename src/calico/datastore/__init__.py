"""The revisioned key-value store: one protocol, its backends, and the syncer that turns it into typed changes.

    backend   an implementation of :class:`calico.datastore.api.Datastore`: SQLite for one host, memory for tests
    open      choosing the backend once, from a URL (:mod:`calico.datastore.open`)
    request   what may be asked of any backend, checked in one place (:mod:`calico.datastore.request`)
    syncer    snapshot, then changes, as values of the model (:mod:`calico.datastore.syncer`)

Only :mod:`calico.datastore.open` knows all backends. Foreign errors (sqlite3, OSError) end here.
"""
