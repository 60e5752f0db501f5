"""The linkage table opens with the secret that sealed it, and with nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.contracts.errors import Corrupt
from oncofed.trust import Pseudonyms
from oncofed.trust.linkage import Link, opened, sealed

ONE, OTHER = Pseudonyms(b"a" * 32), Pseudonyms(b"b" * 32)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(st.builds(Link, TEXT, TEXT, TEXT), max_size=10))
def test_what_was_sealed_is_what_is_opened(links: list[Link]) -> None:
    assert opened(sealed(links, ONE), ONE) == tuple(sorted(set(links)))


def test_nothing_of_a_person_can_be_read_in_it() -> None:
    table = sealed([Link("MRN-77431", "HOSPITAL", ONE.patient("MRN-77431", "HOSPITAL"))], ONE)
    assert b"77431" not in table
    assert b"HOSPITAL" not in table
    assert table != sealed([Link("MRN-77431", "HOSPITAL", "x")], ONE)


@pytest.mark.parametrize("stranger", [OTHER, ONE.for_project("a")])
def test_another_secret_does_not_open_it(stranger: Pseudonyms) -> None:
    with pytest.raises(Corrupt) as refused:
        opened(sealed([Link("1", "", "x")], ONE), stranger)
    assert refused.value.code == "linkage-sealed"


@given(st.data())
def test_a_changed_table_does_not_open(data: st.DataObject) -> None:
    table = bytearray(sealed([Link("1", "", "x")], ONE))
    place = data.draw(st.integers(0, len(table) - 1))
    table[place] ^= data.draw(st.integers(1, 255))
    for changed in (bytes(table), bytes(table[:place])):
        with pytest.raises(Corrupt):
            opened(changed, ONE)
