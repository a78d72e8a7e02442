"""Policy as nftables values: pure functions from the values of the datastore to chains, sets and elements.

    tag set        the addresses of a tag, one set for each IP version
    profile chain  the rules of a profile in one direction; shared by every endpoint that lists the profile
    list chain     an ordered list of profiles in one direction: tries each, then drops; shared likewise
    dispatch map   interface to list chain: ``cali-from`` for what an endpoint sends, ``cali-to`` for what it gets
    static chain   what hooks all this into the kernel; the same on every host

``inbound`` is to the endpoint, ``outbound`` from it. What cannot be rendered drops and says why in its comment.
"""
