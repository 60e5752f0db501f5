"""Pseudonyms: keyed, stable, separated by kind, valid as what they replace."""

import hashlib
import hmac
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.trust import Pseudonyms

ONE, OTHER = Pseudonyms(b"a" * 32), Pseudonyms(b"b" * 32)


def test_they_are_hmac_sha_256_under_a_key_per_kind():
    key = hmac.digest(b"a" * 32, b"oncofed-pseudonym/1/patient", hashlib.sha256)
    message = (6).to_bytes(4, "big") + b"ANNA-1" + b"4711"
    assert ONE.patient("4711", "ANNA-1") == hmac.digest(key, message, hashlib.sha256)[:16].hex()


def test_the_same_identifier_has_one_pseudonym_per_secret_and_issuer():
    assert ONE.patient("4711") == Pseudonyms(b"a" * 32).patient(" 4711\0")
    assert len({ONE.patient("4711"), OTHER.patient("4711"), ONE.patient("4711", "X"), ONE.patient("X4711")}) == 4


def test_kinds_are_separate():
    assert int(ONE.uid("1.2.3").removeprefix("2.25.")).to_bytes(16, "big").hex() != ONE.patient("1.2.3")


@given(st.from_regex(r"[1-9](\.[0-9]{1,9}){1,6}", fullmatch=True))
def test_a_uid_becomes_a_valid_uid(uid):
    got = ONE.uid(uid)
    assert got.startswith("2.25.")
    assert len(got) <= 64
    assert str(int(got[5:])) == got[5:]
    as_uuid = uuid.UUID(int=int(got[5:]))
    assert (as_uuid.version, as_uuid.variant) == (8, uuid.RFC_4122)


def test_the_standards_own_uids_and_nothing_stay():
    assert ONE.uid("1.2.840.10008.5.1.4.1.1.2") == "1.2.840.10008.5.1.4.1.1.2"
    assert ONE.uid(" ") == ""
    assert ONE.patient(" ", "ANNA") == ""


def test_many_at_once_are_the_same_as_one_by_one():
    assert ONE.uids(["1.2.3", "1.2.4", "1.2.3"]) == [ONE.uid("1.2.3"), ONE.uid("1.2.4"), ONE.uid("1.2.3")]
    assert ONE.patients(["a", "b", "a"], "I") == [ONE.patient("a", "I"), ONE.patient("b", "I"), ONE.patient("a", "I")]


def test_a_short_secret_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        Pseudonyms(b"short")
