"""The only doors to the host's kernel: links, routes, settings, network namespaces, locks and files.

    socket       one conversation with the kernel, for life in the network namespace in which it was opened
                 (``netlink.open_netlink``, ``netlink.NetlinkSocket``; ``messages`` is its codec)
    link         a network interface; a veth pair is two links joined like a cable (``links``)
    device       the name of the link that a route, an address or a neighbour belongs to (``devices``)
    route        where packets for a destination go; ours carry ``ROUTE_PROTOCOL`` (``routes``)
    address      an IP address on a link of the host (``addresses``)
    neighbour    the MAC address that answers for an IP address on a link (``neighbours``)
    monitor      hears of changes: ``fileno()`` for a selector, ``read()`` for what came in; after ``Lost``
                 list everything again (``monitor.LinkMonitor``, ``nfnetlink.NfTablesMonitor``)
    generation   the number that nf_tables raises with each committed transaction (``nfnetlink``)
    setting      a file below /proc/sys, named by the parts of its path (``sysctl``)
    namespace    a network stack of its own (``namespaces``)
    process      to which container it belongs (``processes``)
    run lock     the right to be the one process of its kind on the host (``locks``)

Nothing here starts a child process or a thread. Calls block, with a deadline; each socket is locked, so
that threads may share an object.
Errors are those of ``calico.model.errors``: NotFoundError and AlreadyExistsError about the thing named,
UnavailableError when no answer came in time, ApplyError with the kernel's reason for all else it refused
(``refusals``).
"""
