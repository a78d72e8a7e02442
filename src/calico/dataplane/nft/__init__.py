"""What we ask of nftables: values, their text, and one table held equal to the kernel's.

    value     a rule, a chain, a set, as frozen data (``values``); what rendering makes and the fake host evaluates
    text      a value as a line of nft's language (``text``); the only place that knows the syntax
    library   libnftables, loaded when present (``library``): runs text, gives listings
    element   a member of a set or map; changing a few is one netlink message, without libnftables (``elements``)
    table     the desired state, the committed state, and one transaction for the difference (``table``);
              what it keeps for each set is in ``contents``; what others may ask of it is in ``api``
    listing   the kernel's JSON as the same plain facts that the table remembers (``listing``)

The kernel applies a transaction whole or not at all; the table calls a state committed only after that.
"""
