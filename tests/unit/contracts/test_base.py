"""What all wire types share: closed, frozen, one canonical byte form."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from oncofed.contracts.base import CountryCode, CriterionName, Digest, PublicKey, Slug, Utc, Wire, canonical_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


class Letter(Wire):
    to: str
    stamps: dict[str, int] = Field(default_factory=dict)
    sent: Utc | None = None


@given(st.dictionaries(st.text(), JSON))
def test_equal_values_have_equal_bytes(value: dict[str, object]) -> None:
    reversed_order = dict(reversed(value.items()))
    assert canonical_json(value) == canonical_json(reversed_order)
    assert canonical_json(value).decode() == canonical_json(value).decode().strip()


def test_canonical_bytes_are_plain() -> None:
    assert canonical_json({"b": 1, "a": ["é", None]}) == '{"a":["é",null],"b":1}'.encode()
    assert Letter(to="x", stamps={"b": 2, "a": 1}).canonical_bytes() == b'{"sent":null,"stamps":{"a":1,"b":2},"to":"x"}'
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))


def test_a_wire_type_is_closed_and_frozen() -> None:
    with pytest.raises(ValidationError):
        Letter.model_validate({"to": "x", "cc": "y"})
    with pytest.raises(ValidationError):
        Letter(to="x").to = "y"  # type: ignore[misc]


def test_times_carry_their_offset_and_become_utc() -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    sent = Letter(to="x", sent=moment).sent
    assert sent == moment
    assert sent.tzinfo is UTC
    with pytest.raises(ValidationError, match="a time needs its offset"):
        Letter(to="x", sent=datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Slug, ["ab", "node-7", "0a"], ["a", "A-b", "-ab", "a_b", "a" * 64, ""]),
        (Digest, ["0" * 64], ["0" * 63, "G" * 64, "A" * 64]),
        (CriterionName, ["age_at_imaging"], ["age at imaging", "", "Age"]),
        (CountryCode, ["DE"], ["de", "DEU", ""]),
        (PublicKey, ["A" * 43], ["A" * 44, "A" * 42 + "="]),
    ],
)
def test_identifiers_are_narrow(kind: object, good: list[str], bad: list[str]) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    for text in good:
        assert adapter.validate_python(text) == text
    for text in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)
