"""Docker's side of the system: the remote network and IPAM drivers, both named ``calico``.

    network     a Docker network; its profile carries the network's Id
    endpoint    one container's attachment to a network; our Endpoint has the same id
    sandbox     the container's network namespace, which Docker owns
    request     one call of Docker's plugin protocol, as a typed value (:mod:`calico.plugin.wire`)

``network`` and ``ipam`` decide what each request means, ``server`` turns HTTP into requests and errors into
Docker's ``Err``. No handler calls Docker's API (the engine may hold locks that such a call needs), every
handler is idempotent, and every handler ends within its deadline.

Protocol: moby, ``libnetwork/docs/remote.md`` and ``docs/ipam.md``.
"""
