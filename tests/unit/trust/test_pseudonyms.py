"""Pseudonyms: keyed, stable, separated by kind, valid as what they replace."""

import hashlib
import hmac
import uuid
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.trust import Pseudonyms
from oncofed.trust.pseudonyms import NO_PATIENT_ISSUER

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


def test_projects_cannot_be_linked_without_the_secret():
    one, other = ONE.for_project("a"), ONE.for_project("b")
    values = [names.patient("4711") for names in (ONE, one, other, OTHER.for_project("a"))]
    assert len(set(values)) == 4
    assert one.patient("4711") == Pseudonyms(b"a" * 32).for_project("a").patient("4711")


def test_a_study_without_patient_id_is_a_patient_of_its_own():
    assert ONE.without_patient_id("1.2.3") == ONE.patient("1.2.3", NO_PATIENT_ISSUER)
    assert ONE.without_patient_id("1.2.3") not in (ONE.without_patient_id("1.2.4"), ONE.patient("1.2.3"))


@given(key=st.text(max_size=40), bounds=st.tuples(st.integers(-4000, 4000), st.integers(-4000, 4000)).map(sorted))
def test_a_date_offset_lies_between_its_bounds_and_is_never_nothing(key, bounds):
    least, greatest = bounds
    if least == greatest == 0:
        greatest = 1
    offset = ONE.date_offset(key, least, greatest)
    assert least <= offset <= greatest
    assert offset != 0
    assert offset == Pseudonyms(b"a" * 32).date_offset(key, least, greatest)


def test_every_offset_can_come_and_none_is_preferred():
    offsets = Counter(ONE.date_offset(str(number), -3, 3) for number in range(6000))
    assert set(offsets) == {-3, -2, -1, 1, 2, 3}
    assert max(offsets.values()) < 1.2 * min(offsets.values())


def test_offsets_go_back_by_default():
    assert {ONE.date_offset(str(number)) < 0 for number in range(200)} == {True}
    assert len({ONE.date_offset(str(number)) for number in range(200)}) > 150


def test_texts_of_one_kind_stay_equal_and_kinds_apart():
    assert ONE.text("A1", "serial") == ONE.text(" A1 ", "serial")
    assert (
        len(
            {
                ONE.text("A1", "serial"),
                ONE.text("A1", "accession"),
                ONE.text("A2", "serial"),
                OTHER.text("A1", "serial"),
            }
        )
        == 4
    )
    assert len(ONE.text("", "serial")) == 16


def test_a_uid_below_the_standards_root_that_is_not_its_own_can_be_replaced():
    own = ONE.own_uid("1.2.840.10008.99.1")
    assert own.startswith("2.25.")
    assert own != ONE.uid("1.2.3")
    assert own == ONE.own_uid("1.2.840.10008.99.1\0")
    assert uuid.UUID(int=int(own[5:])).version == 8


def test_what_is_remembered_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncofed.trust.pseudonyms._MOST_REMEMBERED", 3)
    one = Pseudonyms(b"b" * 32)
    first = [one.text(f"A{number}", "accession") for number in range(10)]
    assert len(one._texts) <= 3
    assert [one.text(f"A{number}", "accession") for number in range(10)] == first
