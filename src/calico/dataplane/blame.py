"""Who is to blame when the whole fails and nobody says why."""

from collections.abc import Callable, Set


def find_culprits(suspects: Set[str], works_without: Callable[[Set[str]], bool]) -> Set[str] | None:
    """The suspects without which it works, as few as halving finds; ``None`` when it fails without all of them too.

    ``works_without`` tries it without the given ones. One culprit among ``n`` suspects takes ``2 log2(n)`` tries.
    """
    if not works_without(suspects):
        return None
    guilty = set(suspects)
    groups = [sorted(suspects)]
    while groups:
        group = groups.pop()
        if works_without(guilty.difference(group)):
            guilty.difference_update(group)
        elif len(group) > 1:
            middle = len(group) // 2
            groups += [group[:middle], group[middle:]]
    return guilty
