"""Our table: what it should be, what the kernel has, and one transaction for the difference.

What the kernel has is remembered, not read: reading costs as much as the whole table is large. It is read once
before the first transaction, whenever ``resync`` is called, and again after a transaction was refused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from calico.dataplane.nft.contents import Contents, SetState
from calico.dataplane.nft.elements import ElementChange
from calico.dataplane.nft.listing import ChainFacts, TableFacts, read_listing
from calico.dataplane.nft.text import CommandText, rule_texts
from calico.dataplane.nft.values import Chain, Element, MapSpec, MapVerdict, SetSpec
from calico.model.errors import CalicoError, NotFoundError

FAMILY = "inet"
TABLE = "calico"

_FEW_ELEMENTS = 500


class Library(Protocol):
    """What a table needs of libnftables; see :class:`calico.dataplane.nft.library.NftLibrary`."""

    def run(self, commands: str) -> None:
        """Run commands as one transaction or raise ApplyError."""
        ...

    def change_elements(self, family: str, table: str, changes: Sequence[ElementChange]) -> None:
        """Change elements of hash sets and maps, and nothing else, as one transaction or raise ApplyError."""
        ...

    def list_table(self, family: str, name: str) -> list[dict[str, object]] | None:
        """The table's objects in nft's JSON, or ``None``."""
        ...


class NftTable:
    """A table of the kernel, held equal to what is desired; see :class:`calico.dataplane.nft.api.Table`.

    The table may have been left by an earlier run: what is as desired stays untouched, the rest changes in one
    transaction, in which chains are emptied and filled again and never deleted while something leads to them.
    Only a table that holds what cannot be changed in place (another hook, another kind of set) is deleted and made
    anew, in one transaction as well: the old rules hold until the new ones do, nothing slips through, and a packet
    that is just then between two chains may be lost.
    """

    def __init__(self, library: Library, family: str = FAMILY, name: str = TABLE) -> None:
        self._library = library
        self._family = family
        self._name = name
        self._text = CommandText(family, name)
        self._chains: dict[str, Chain] = {}
        self._sets: dict[str, SetState] = {}
        self._kernel = TableFacts()
        self._exists = False
        self._trusted = False  # whether _kernel is what the kernel has
        self._changed_chains: set[str] = set()
        self._changed_sets: set[str] = set()

    def set_chain(self, name: str, chain: Chain) -> None:
        if self._chains.get(name) != chain:
            self._chains[name] = chain
            self._changed_chains.add(name)

    def remove_chain(self, name: str) -> None:
        if self._chains.pop(name, None) is not None:
            self._changed_chains.add(name)

    def set_set(self, name: str, spec: SetSpec, elements: Iterable[Element]) -> None:
        self._set(name, spec, dict.fromkeys(elements))

    def change_elements(self, name: str, added: Iterable[Element], removed: Iterable[Element]) -> None:
        self._change(name, dict.fromkeys(added), removed)

    def remove_set(self, name: str) -> None:
        if self._sets.pop(name, None) is not None:
            self._changed_sets.add(name)

    def set_map(self, name: str, spec: MapSpec, elements: Mapping[Element, MapVerdict]) -> None:
        self._set(name, spec, elements)

    def change_map(self, name: str, added: Mapping[Element, MapVerdict], removed: Iterable[Element]) -> None:
        self._change(name, added, removed)

    def remove_map(self, name: str) -> None:
        self.remove_set(name)

    def apply(self) -> bool:
        if not self._trusted:
            self.resync()
        if self._must_rebuild():
            self._forget_kernel()
        chains = {name: self._wanted_chain(name) for name in sorted(self._changed_chains)}
        try:
            changed = self._write(chains)
        except CalicoError:
            self._trusted = False  # somebody else may have changed the table: look again before the next try
            raise
        self._commit(chains)
        return changed

    def resync(self) -> list[str]:
        self._trusted = False
        listing = self._library.list_table(self._family, self._name)
        self._exists = listing is not None
        self._kernel = read_listing(listing or [])
        for name, state in self._sets.items():
            facts = self._kernel.sets.get(name)
            state.committed = facts if facts and facts.spec == state.spec else None
            state.compare_all()
        self._changed_chains = {*self._chains, *self._kernel.chains}
        self._changed_sets = {*self._sets, *self._kernel.sets}
        self._trusted = True
        return list(self._describe_differences())

    def _set(self, name: str, spec: SetSpec | MapSpec, contents: Contents) -> None:
        state = self._sets.get(name)
        if state is None or state.spec != spec:
            facts = self._kernel.sets.get(name)
            state = self._sets[name] = SetState(spec, facts if facts and facts.spec == spec else None)
        state.replace(contents)
        self._changed_sets.add(name)

    def _change(self, name: str, added: Contents, removed: Iterable[Element]) -> None:
        if name not in self._sets:
            raise NotFoundError(f"set {name} was never set, so its elements cannot be changed")
        self._sets[name].change(added, removed)
        self._changed_sets.add(name)

    def _must_rebuild(self) -> bool:
        """Whether the kernel has something that can only be replaced by making the table anew."""
        return self._exists and (bool(self._kernel.strange) or any(True for _ in self._misfits()))

    def _misfits(self) -> Iterator[str]:
        """The changed objects that exist in the kernel as another kind of object than desired."""
        for name in sorted(self._changed_chains):
            chain, facts = self._chains.get(name), self._kernel.chains.get(name)
            if chain and facts and chain.base != facts.base:
                yield f"chain {name}"
        for name in sorted(self._changed_sets):
            state, kernel_set = self._sets.get(name), self._kernel.sets.get(name)
            if state and kernel_set and state.spec != kernel_set.spec:
                yield f"set {name}"

    def _forget_kernel(self) -> None:
        """Plan as if the kernel had nothing; ``_exists`` stays and lets the transaction begin with a deletion."""
        self._kernel = TableFacts(strange=["to be made anew"])
        self._changed_chains = set(self._chains)
        self._changed_sets = set(self._sets)
        for state in self._sets.values():
            state.committed = None
            state.compare_all()

    def _wanted_chain(self, name: str) -> list[tuple[str, str]] | None:
        """The rules to write, when the chain is not in the kernel as it is desired; else ``None``."""
        chain, facts = self._chains.get(name), self._kernel.chains.get(name)
        if chain is None:
            return None
        texts = rule_texts(name, chain)
        return None if facts and facts.comments == tuple(comment for _, comment in texts) else texts

    def _write(self, chains: Mapping[str, list[tuple[str, str]] | None]) -> bool:
        """One transaction for the difference, if there is any; whether there was."""
        changes = self._element_changes(chains)
        if changes is not None:
            if changes:
                self._library.change_elements(self._family, self._name, changes)
            return bool(changes)
        commands = list(self._commands(chains))
        if commands:
            self._library.run("\n".join(commands) + "\n")
        return bool(commands)

    def _element_changes(self, chains: Mapping[str, list[tuple[str, str]] | None]) -> list[ElementChange] | None:
        """The difference, when it is a few elements and nothing else; else ``None``."""
        if not self._exists or self._kernel.strange:
            return None
        if any(rules is not None or name not in self._chains for name, rules in chains.items()):
            return None
        changes = []
        for name in sorted(self._changed_sets):
            state = self._sets.get(name)
            change = state.element_change(name) if state else None
            if change is None:
                return None
            if change.size:
                changes.append(change)
        return changes if sum(change.size for change in changes) <= _FEW_ELEMENTS else None

    def _commands(self, chains: Mapping[str, list[tuple[str, str]] | None]) -> Iterator[str]:
        """The transaction: what is referred to is there before, and goes after, what refers to it."""
        text, kernel = self._text, self._kernel
        if not self._exists or kernel.strange:
            yield text.add_table()
        if self._exists and kernel.strange:
            yield text.delete_table()
            yield text.add_table()
        sets = sorted(self._changed_sets)
        unwanted_chains = [name for name in chains if name in kernel.chains and name not in self._chains]
        unwanted_sets = [name for name in sets if name in kernel.sets and name not in self._sets]
        written = {name: rules for name, rules in chains.items() if rules is not None}
        for name in sets:
            if name in self._sets and name not in kernel.sets:
                yield text.add_set(name, self._sets[name].spec)
        for name in written:
            if name not in kernel.chains:
                yield text.add_chain(name, self._chains[name].base)
        for name in (*written, *unwanted_chains):
            if name in kernel.chains:
                yield text.flush_chain(name)
        for name in sets:
            if name in self._sets:
                yield from self._sets[name].commands(name, text)
        for name in unwanted_sets:  # elements of a map hold on to chains that go before it
            yield text.flush_set(name, kernel.sets[name].spec)
        for name, rules in written.items():
            yield from text.add_rules(name, rules)
        for name in unwanted_chains:
            yield text.delete_chain(name)
        for name in unwanted_sets:
            yield text.delete_set(name, kernel.sets[name].spec)

    def _commit(self, chains: Mapping[str, list[tuple[str, str]] | None]) -> None:
        self._exists = True
        self._kernel.strange.clear()
        for name, rules in chains.items():
            if name not in self._chains:
                self._kernel.chains.pop(name, None)
            elif rules is not None:
                comments = tuple(comment for _, comment in rules)
                self._kernel.chains[name] = ChainFacts(self._chains[name].base, comments)
        for name in self._changed_sets:
            state = self._sets.get(name)
            if state is None:
                self._kernel.sets.pop(name, None)
                continue
            state.commit()
            if state.committed is not None:
                self._kernel.sets[name] = state.committed
        self._changed_chains.clear()
        self._changed_sets.clear()

    def _describe_differences(self) -> Iterator[str]:
        if not self._exists:
            yield f"table {self._family} {self._name} does not exist"
            return
        for fault in self._kernel.strange:
            yield f"{fault}: the table is made anew"
        for misfit in self._misfits():
            yield f"{misfit} is of another kind than ours: the table is made anew"
        for name in sorted(self._changed_chains):
            if name not in self._chains:
                yield f"chain {name} is a leftover"
            elif name not in self._kernel.chains:
                yield f"chain {name} is missing"
            elif self._wanted_chain(name) is not None:
                yield f"chain {name} does not hold our rules"
        for name in sorted(self._changed_sets):
            state = self._sets.get(name)
            difference = state.describe_difference() if state else "is a leftover"
            if difference:
                yield f"set {name} {difference}"
