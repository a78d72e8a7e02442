"""From the calculation's updates to this host's kernel: policy in nftables, routes and settings for interfaces.

    driver     the one thread: takes updates in, lets every part act, tells how far the kernel is (``driver``)
    part       one area of the host that we keep as it must be; it looks, acts, retries on its own
    policy     the part that owns our nft table: managers, apply, retry, take-over, repair (``policy``)
    manager    collects updates of its kind and turns them into desired state (``managers``)
    rendering  values to nft values, pure (``render``); ``nft`` brings these to the kernel
    status     which endpoint is up, as of which datastore revision, and if not, why (``status``)
    in sync    the first whole snapshot is known; before it nothing is written to the kernel
    take-over  what an earlier agent left becomes ours in one transaction: nothing is open or cut meanwhile
    repair     what somebody else changed is put back and logged

Traffic fails closed: what cannot be programmed drops. A running host fails static: the kernel keeps what it has
when we are stopped, when a transaction is refused, and when no updates come.
"""
