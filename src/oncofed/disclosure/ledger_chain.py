"""The node's ledger of answers as a chain: each entry names the digest of the one before and is signed by the node.

The hub keeps a copy of every entry. A node that was restored from a backup takes back from the hub what it had answered
since, checks it against its own signature and chain, and otherwise answers nothing: it never rewinds.
"""

import hashlib
from collections.abc import Sequence

from oncofed.contracts.base import canonical_json
from oncofed.contracts.errors import Corrupt, Refused
from oncofed.contracts.exchange import LedgerEntry
from oncofed.disclosure.accounting import live_epsilon
from oncofed.disclosure.live import Question
from oncofed.trust.keys import SigningKey, verify

GENESIS = "0" * 64
"""What the first entry names as the digest before it."""

_PREFIX = b"oncofed-ledger-entry/1\n"


def message(entry: LedgerEntry) -> bytes:
    """The bytes that are signed and digested: everything but the signature."""
    return _PREFIX + canonical_json(entry.model_dump(mode="json", exclude={"signature"}))


def digest(entry: LedgerEntry | None) -> str:
    """What the next entry names as ``previous``."""
    return GENESIS if entry is None else hashlib.sha256(message(entry)).hexdigest()


def next_entry(
    last: LedgerEntry | None,
    question: Question,
    answer: dict[str, int],
    *,
    charge: tuple[int, str, tuple[str, ...]],
    key: SigningKey,
) -> LedgerEntry:
    """The entry that follows ``last``; ``charge`` is year, organisation and lineages."""
    year, organisation, lineages = charge
    unsigned = LedgerEntry(
        sequence=1 if last is None else last.sequence + 1,
        key=question.digest,
        year=year,
        organisation=organisation,
        lineages=tuple(sorted(set(lineages))),
        epsilon=live_epsilon(len(answer)),
        answer=answer,
        previous=digest(last),
        signature="",
    )
    return unsigned.model_copy(update={"signature": key.sign(message(unsigned))})


def check(entries: Sequence[LedgerEntry], public: str, *, after: LedgerEntry | None = None) -> None:
    """``Corrupt(ledger-broken)`` unless ``entries`` continue ``after`` without a gap, each signed by ``public``."""
    last = after
    for entry in entries:
        expected = 1 if last is None else last.sequence + 1
        if entry.sequence != expected or entry.previous != digest(last):
            raise Corrupt("ledger-broken", f"entry {entry.sequence} does not follow the entry before it")
        if not verify(public, message(entry), entry.signature):
            raise Corrupt("ledger-broken", f"entry {entry.sequence} is not signed by this node")
        if entry.epsilon != live_epsilon(len(entry.answer)):
            raise Corrupt("ledger-broken", f"entry {entry.sequence} is charged wrongly")
        last = entry


def missing_here(
    own_last: LedgerEntry | None, theirs: Sequence[LedgerEntry], last_known: int, public: str
) -> tuple[LedgerEntry, ...]:
    """Entries the hub has and this node lost, checked, in order: what a restored node appends before it answers again.

    ``theirs`` are the hub's entries after this node's last one, or from it on; ``last_known`` the greatest sequence the
    hub has seen. ``Refused(ledger-behind)`` if the hub has seen more than it can give back, ``Corrupt(ledger-forked)``
    if hub and node hold different entries of one number (a clone answers elsewhere), ``Corrupt(ledger-broken)`` if what
    it gives is not this node's own chain.
    """
    here = 0 if own_last is None else own_last.sequence
    for entry in theirs:
        same = entry.sequence == here and digest(entry) == digest(own_last)
        follows = entry.sequence == here + 1 and entry.previous == digest(own_last)
        if entry.sequence in (here, here + 1) and not (same or follows):
            raise Corrupt("ledger-forked", f"entry {entry.sequence} differs between this node and the hub")
    later = tuple(entry for entry in theirs if entry.sequence > here)
    check(later, public, after=own_last)
    if max(here, later[-1].sequence if later else 0) < last_known:
        raise Refused("ledger-behind", f"the hub has seen entry {last_known}")
    return later
