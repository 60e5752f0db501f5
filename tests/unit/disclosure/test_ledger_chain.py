"""The chain of answers: what a node can trust back from a hub."""

import pytest

from oncofed.contracts.errors import Corrupt, Refused
from oncofed.contracts.exchange import LedgerEntry
from oncofed.disclosure.ledger_chain import GENESIS, check, digest, missing_here, next_entry
from oncofed.disclosure.live import Question
from oncofed.trust import SigningKey

KEY = SigningKey.from_bytes(b"k" * 32)
PUBLIC = KEY.public


def extended(entries: list[LedgerEntry], upto: int, label: str = "a", key: SigningKey = KEY) -> list[LedgerEntry]:
    entries = list(entries)
    while len(entries) < upto:
        question = Question(f"{len(entries):02x}" * 32, None, frozenset([label * 64]))
        charge = (2026, "uni", ("lung", "breast", "lung"))
        entries.append(next_entry(entries[-1] if entries else None, question, {"": 7}, charge=charge, key=key))
    return entries


CHAIN = extended([], 6)


def test_entries_follow_each_other_and_are_signed() -> None:
    check(CHAIN, PUBLIC)
    check(CHAIN[3:], PUBLIC, after=CHAIN[2])
    assert CHAIN[0].previous == GENESIS
    assert CHAIN[1].previous == digest(CHAIN[0])
    assert CHAIN[0].lineages == ("breast", "lung")
    assert CHAIN[0].epsilon == 0.1
    assert LedgerEntry.model_validate_json(CHAIN[4].model_dump_json()) == CHAIN[4]


@pytest.mark.parametrize(
    "broken",
    [
        CHAIN[1:],
        [CHAIN[0], CHAIN[2]],
        [CHAIN[1], CHAIN[0]],
        [CHAIN[0].model_copy(update={"answer": {"": 8}})],
        [CHAIN[0].model_copy(update={"year": 2025})],
        [CHAIN[0].model_copy(update={"previous": "1" * 64})],
        [CHAIN[0].model_copy(update={"signature": CHAIN[1].signature})],
        extended([], 1, key=SigningKey.from_bytes(b"x" * 32)),
    ],
)
def test_a_gap_a_change_or_another_key_breaks_the_chain(broken: list[LedgerEntry]) -> None:
    with pytest.raises(Corrupt) as caught:
        check(broken, PUBLIC)
    assert caught.value.code == "ledger-broken"


def test_an_entry_cannot_be_charged_less_than_it_told() -> None:
    cheap = CHAIN[0].model_copy(update={"epsilon": 0.0})
    from oncofed.disclosure.ledger_chain import message

    with pytest.raises(Corrupt, match="charged"):
        check([cheap.model_copy(update={"signature": KEY.sign(message(cheap))})], PUBLIC)


def test_a_restored_node_takes_back_what_it_lost() -> None:
    assert missing_here(CHAIN[1], CHAIN[2:], 6, PUBLIC) == tuple(CHAIN[2:])
    assert missing_here(CHAIN[1], CHAIN[1:], 6, PUBLIC) == tuple(CHAIN[2:])
    assert missing_here(None, CHAIN, 6, PUBLIC) == tuple(CHAIN)


def test_a_node_that_lost_nothing_takes_nothing() -> None:
    assert missing_here(CHAIN[-1], [], 6, PUBLIC) == ()
    assert missing_here(CHAIN[-1], CHAIN[-1:], 6, PUBLIC) == ()
    assert missing_here(None, [], 0, PUBLIC) == ()


def test_a_hub_from_an_older_backup_is_no_reason_to_stop() -> None:
    assert missing_here(CHAIN[-1], [], 3, PUBLIC) == ()


def test_a_node_refuses_while_the_hub_has_seen_more_than_it_gives_back() -> None:
    for theirs in ([], CHAIN[2:4]):
        with pytest.raises(Refused) as caught:
            missing_here(CHAIN[1], theirs, 6, PUBLIC)
        assert caught.value.code == "ledger-behind"


def test_two_nodes_with_one_identity_are_found_out() -> None:
    other = extended(CHAIN[:2], 6, label="b")
    for own, theirs in ((CHAIN[3], other[3:]), (CHAIN[3], other[4:])):
        with pytest.raises(Corrupt) as caught:
            missing_here(own, theirs, 6, PUBLIC)
        assert caught.value.code == "ledger-forked"


def test_what_the_hub_gives_back_must_be_our_own() -> None:
    forged = extended(CHAIN[:2], 6, key=SigningKey.from_bytes(b"x" * 32))
    with pytest.raises(Corrupt) as caught:
        missing_here(CHAIN[1], forged[2:], 6, PUBLIC)
    assert caught.value.code == "ledger-broken"
