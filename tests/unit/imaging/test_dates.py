import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.imaging.dates import dates_in

FORMS = [
    "%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y",
    "%d-%m-%Y", "%d %m %Y", "%d. %m. %Y", "%d %B %Y", "%B %d, %Y", "%d-%b-%Y", "%dth of %B %Y", "%b %dst %Y",
]  # fmt: skip


@given(
    day=st.dates(min_value=__import__("datetime").date(1880, 1, 1), max_value=__import__("datetime").date(2099, 1, 1))
)
@pytest.mark.parametrize("form", FORMS)
def test_a_date_is_found_however_it_is_written(form: str, day) -> None:
    text = f"seen on {day.strftime(form)}, follow-up".lower()
    assert day.strftime("%Y%m%d") in dates_in(text)


@pytest.mark.parametrize(
    "text",
    ["", "1.2.840.20120304.5", "20121399", "2012-13-45", "12345678901234567890", "31 foo 2012", "slice 20 of 2012"],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert dates_in(text) == frozenset()


def test_a_date_that_can_be_read_in_two_ways_is_both() -> None:
    assert dates_in("03/04/2012") == {"20120403", "20120304"}


@pytest.mark.parametrize("text", ["3. märz 2012", "3 mars 2012", "3 de marzo de 2012", "3 marzo 2012", "3 maart 2012"])
def test_months_of_several_languages(text: str) -> None:
    assert dates_in(text.replace("ä", "a")) == {"20120303"}
