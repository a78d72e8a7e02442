"""The only doors to the host's kernel: links, routes, kernel settings, network namespaces, files.

    socket       ``netlink.NetlinkSocket``: one conversation with the kernel, bound for life to the network
                 namespace in which it was made
    link         a network interface; a veth pair is two links joined like a cable (``links``)
    device       the name of the link that a route, an address or a neighbour belongs to (``devices``)
    route        where packets for a destination go (``routes``); ours carry ``ROUTE_PROTOCOL``
    address      an IP address on a link (``addresses``); neighbour: IP to MAC (``neighbours``)
    monitor      a socket that hears of changes; ``fileno()`` for a selector, ``read()`` for what came in.
                 When the kernel had to throw events away it says ``Lost``: list everything again
    generation   the number nf_tables raises with each committed transaction (``nfnetlink``)
    namespace    a network stack of its own (``namespaces``)
    setting      a file below /proc/sys, named by the tuple of its path (``sysctl``)

Nothing here starts a child process or a thread. All calls block, with a deadline; every socket is locked,
so that threads may share one, and cheap, so that they need not.
Errors are those of ``calico.model.errors``: NotFoundError and AlreadyExistsError for the thing named,
UnavailableError when no answer came in time, ApplyError with the kernel's reason for all else it refused.
"""
