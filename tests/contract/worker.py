"""One process of a test with several: ``python -m tests.contract.worker URL count|follow|append …``."""

import sys

from calico.datastore.api import Datastore, Put
from calico.datastore.open import open_datastore
from tests.contract.test_datastore import SOON, add_one


def count(store: Datastore, rounds: int) -> None:
    """Count up ``rounds`` times."""
    for _ in range(rounds):
        add_one(store, "/d/count")


def follow(store: Datastore, total: int) -> None:
    """Print every event below ``/d`` until ``total`` of them were seen."""
    seen = 0
    with store.watch("/d", 0) as watch:
        print("ready", flush=True)
        while seen < total:
            answer = watch.next(SOON)
            if not answer.events:
                raise SystemExit(f"nothing came in {SOON} s after {seen} events")
            seen += len(answer.events)
            for event in answer.events:
                print(event.revision, event.value)


def append(store: Datastore, limit: int) -> None:
    """Write numbers two by two; print each one when it is durable."""
    for number in range(limit):
        store.transact([], [Put("/d/left", str(number)), Put("/d/right", str(number))])
        print(number, flush=True)


if __name__ == "__main__":
    url, task, number = sys.argv[1:]
    opened = open_datastore(url)
    {"count": count, "follow": follow, "append": append}[task](opened, int(number))
    opened.close()
