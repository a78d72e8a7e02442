from calico.dataplane.render.members import pool_elements
from calico.model.values import IPPool
from calico.updates import (
    PoolRemove,
    PoolUpdate,
)
from tests.fakes.managers import Managers, expected

POOL = IPPool("10.65.0.0/16", masquerade=True)


def test_pools_fill_the_pool_sets(managers: Managers) -> None:
    other = IPPool("fd00::/64")
    managers.run(PoolUpdate(POOL), PoolUpdate(other))
    assert {name: managers.kernel.sets[name][1] for name in pool_elements([])} == pool_elements([POOL, other])

    managers.run(PoolRemove(POOL.cidr), PoolRemove(other.cidr), PoolRemove("10.99.0.0/16"))
    assert managers.kernel == expected([], {})
