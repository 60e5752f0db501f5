"""Numbers in the words of the pages."""

import pytest

from oncofed.contracts.catalogue import SizeBand
from oncofed.contracts.outcome import Estimate
from oncofed.hub.catalogue.queries import Amount
from oncofed.hub.portal.templatetags import portal


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (385, 386, "385"),
        (0, 10, "fewer than 10"),
        (1000, 2000, "1,000–1,999"),
        (5_000_000, 10_000_000, "5–10 M"),
        (1_000_000, None, "1,000,000 or more"),
    ],
)
def test_a_size_is_told_no_finer_than_it_is_known(low: int, high: int | None, words: str) -> None:
    assert portal.band(SizeBand(low=low, high=high)) == words


@pytest.mark.parametrize(
    ("low", "exact", "words"),
    [(1_044_191, True, "1,044,191"), (61_220, False, "≥ 61,200"), (42_680_547, False, "≥ 42.6 M"), (7, False, "≥ 7")],
)
def test_a_sum_of_lower_ends_claims_three_figures(low: int, exact: bool, words: str) -> None:
    assert portal.amount(Amount(low, exact)) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(1, 4, "25 %"), (1, 1000, "<1 %"), (-3, 100, "0 %"), (120, 100, "100 %"), (5, 0, "–")],
)
def test_a_share_stays_between_nothing_and_all(part: float, whole: float, words: str) -> None:
    assert portal.share(part, whole) == words


@pytest.mark.parametrize(
    ("text", "words"), [("≈ 1,240 (±20)", "≈ 1,240"), ("<10, possibly up to 40", "<10"), ("385", "385")]
)
def test_a_number_alone(text: str, words: str) -> None:
    assert portal.brief(Estimate(value=0, low=0, high=0, exact=False, text=text)) == words


def test_a_bar_stays_on_its_scale() -> None:
    drawn = portal.bar(150, 100, low=-5, high=130)
    assert drawn == {"percent": "100.0", "low": "0.0", "high": "100.0", "missing": False}
    assert portal.bar(3, 0)["percent"] == "0.0"


def test_a_scale_ends_above_every_interval() -> None:
    assert portal.top_of([]) == 1


def test_a_link_without_parameters_is_its_path() -> None:
    assert portal.link("/search/", q="", was=None) == "/search/"


def test_only_addresses_of_the_web_become_links() -> None:
    assert portal.is_web("https://example.org")
    assert not portal.is_web("javascript:alert(1)")


def test_a_criterion_we_do_not_know_keeps_its_name() -> None:
    assert portal.criterion_label("sex") == "Sex at birth"
    assert portal.criterion_label("later_one") == "later_one"
