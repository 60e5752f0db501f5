"""The policy file: what it allows, that it only tightens, and how it complains."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from oncofed.contracts.catalogue import DatasetClass
from oncofed.contracts.errors import BadInput
from oncofed.disclosure.budget import Limits
from oncofed.disclosure.constants import LINEAGE_COUNTS, ORGANISATION_COUNTS
from oncofed.node.policy import DEFAULT, Policy, parse, sentences

MONDAY_NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_the_file_a_new_node_gets_says_what_oncofed_itself_demands():
    assert parse(DEFAULT) == parse("") == Policy()
    assert Policy().limits == Limits(ORGANISATION_COUNTS, LINEAGE_COUNTS)


def test_the_examples_in_the_default_file_can_be_used():
    begin = DEFAULT.index("# [datasets.breast-2024]")
    example = "\n".join(line.removeprefix("# ") for line in DEFAULT[begin:].splitlines())
    rule = parse(example).rule("breast-2024")
    assert rule.organisations == ["university-of-example"]
    assert rule.tightened == "protected"


def test_a_node_can_be_switched_off():
    policy = parse("[answers]\nenabled = false")
    assert policy.refusal(MONDAY_NOON) == "not-searchable"
    assert not policy.searchable("breast")
    assert sentences(policy) == ["This node answers nothing."]


@pytest.mark.parametrize(
    ("text", "dataset", "expected"),
    [
        ("", "breast", True),
        ('[answers]\ndatasets = ["breast-*"]', "breast-1", True),
        ('[answers]\ndatasets = ["breast-*"]', "lung", False),
        ("[answers]\ndatasets = []", "breast", False),
        ("[datasets.breast]\nsearchable = false", "breast", False),
        ("[datasets.breast]\nsearchable = false", "lung", True),
        ("[answers]\ndatasets = []\n[datasets.breast]\nsearchable = true", "breast", True),
        ("[answers]\nenabled = false\n[datasets.breast]\nsearchable = true", "breast", False),
    ],
)
def test_which_datasets_may_be_searched(text, dataset, expected):
    assert parse(text).searchable(dataset) is expected
    assert parse(text).lets("uni-one", dataset) is expected


@pytest.mark.parametrize(
    ("text", "organisation", "expected"),
    [
        ('[answers]\norganisations = ["uni-*"]', "uni-one", True),
        ('[answers]\norganisations = ["uni-*"]', "firm", False),
        ('[answers]\norganisations = []\n[datasets.breast]\norganisations = ["firm"]', "firm", True),
        ('[datasets.breast]\norganisations = ["firm"]', "uni-one", False),
    ],
)
def test_who_may_ask(text, organisation, expected):
    assert parse(text).lets(organisation, "breast") is expected


def test_open_data_can_be_treated_as_protected_and_never_the_other_way():
    policy = parse('[datasets.breast]\nclass = "protected"')
    assert policy.dataset_class("breast", DatasetClass.OPEN) is DatasetClass.PROTECTED
    assert policy.dataset_class("lung", DatasetClass.OPEN) is DatasetClass.OPEN
    assert policy.dataset_class("lung", DatasetClass.PROTECTED) is DatasetClass.PROTECTED
    with pytest.raises(BadInput, match=r"line 2: “datasets.breast.class”"):
        parse('[datasets.breast]\nclass = "open"')


@pytest.mark.parametrize(
    ("moment", "answers"),
    [
        (datetime(2026, 6, 1, 8, 0, tzinfo=timezone(timedelta(hours=2))), True),
        (datetime(2026, 6, 1, 7, 59, tzinfo=timezone(timedelta(hours=2))), False),
        (datetime(2026, 6, 1, 17, 59, tzinfo=timezone(timedelta(hours=2))), True),
        (datetime(2026, 6, 1, 18, 0, tzinfo=timezone(timedelta(hours=2))), False),
        (datetime(2026, 6, 6, 12, 0, tzinfo=UTC), False),
    ],
)
def test_hours_are_local_and_end_exclusively(moment, answers):
    text = '[hours]\ndays = ["monday", "friday"]\nfrom = "08:00"\nto = "18:00"\ntime_zone = "Europe/Berlin"'
    assert parse(text).refusal(moment) == (None if answers else "outside-hours")


@pytest.mark.parametrize(
    ("text", "cells", "expected"),
    [
        ("", {"": 10}, True),
        ("", {"": -4}, True),
        ("[answers]\nsmallest_number_shown = 1", {"": -4}, False),
        ("[answers]\nsmallest_number_shown = 50", {"CT": 30, "MR": 19}, False),
        ("[answers]\nsmallest_number_shown = 50", {"CT": 30, "MR": 20}, True),
        ("[answers]\nshow_numbers = false", {"": 100}, False),
        ("[datasets.breast]\nshow_numbers = false", {"": 100}, False),
        ("[answers]\nshow_numbers = false\n[datasets.breast]\nshow_numbers = true", {"": 100}, False),
    ],
)
def test_which_numbers_stand_beside_the_nodes_name(text, cells, expected):
    assert parse(text).shows(["breast", "lung"], cells) is expected


def test_exact_numbers_are_shown_however_small_unless_policy_says_totals_only():
    assert parse("").shows(["open"], {"": 0}, exact=True)
    assert not parse("[answers]\nshow_numbers = false").shows(["open"], {"": 100}, exact=True)


def test_budgets_can_be_lowered():
    policy = parse("[budget]\nfor_each_organisation = 5\nfor_all_together = 20")
    assert policy.limits == Limits(5, 20)


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("[budget]\n\nfor_each_organisation = 51", "line 3: “budget.for_each_organisation”", "only be stricter"),
        ("[budget]\nfor_all_together = -1", "line 2: “budget.for_all_together”", "only be stricter"),
        ("[answers]\nsmallest_number_shown = -9", "line 2: “answers.smallest_number_shown”", "only be stricter"),
        ("[answers]\nshow_number = true", "line 2: “answers.show_number”", "no such rule"),
        ("# remark\n[anwsers]\n", "line 2: “anwsers”", "no such rule"),
        ("answers = 3", "line 1: “answers”", "valid dictionary"),
        ("[answers]\nenabled = 1", "line 2: “answers.enabled”", "valid boolean"),
        ("[answers]\ndatasets = [\n 1]", "line 2: “answers.datasets”", "valid string"),
        ('[hours]\nfrom = "8:00"', "line 2: “hours.from”", "07:30"),
        ('[hours]\nfrom = "18:00"\nto = "08:00"', "line 1: “hours”", "earlier"),
        ('[hours]\ntime_zone = "Mars/Base"', "line 1: “hours”", "no time zone"),
        ('[hours]\ndays = ["sonntag"]', "line 2: “hours.days”", "monday"),
        ('[datasets."a.b"]\nfoo = 1', "“datasets.a.b.foo”", "no such rule"),
        ("[answers]\nenabled = maybe\n", "line 2, column 11", "Invalid value"),
    ],
)
def test_a_bad_policy_is_named_by_line_and_field(text, place, reason):
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert caught.value.code == "policy-invalid"
    assert place in str(caught.value)
    assert reason in str(caught.value)


def test_the_rules_can_be_read_as_sentences():
    said = "\n".join(
        sentences(
            parse(
                "[answers]\norganisations = []\nshow_numbers = false\n"
                '[datasets.a]\nsearchable = false\n[datasets.b]\nsearchable = true\norganisations = ["uni-*"]\n'
                'show_numbers = true\nclass = "protected"\n[datasets.c]\nshow_numbers = false\n[datasets.d]\n'
            )
        )
    )
    for part in (
        "Datasets that may be searched: all.",
        "Organisations that may ask: none.",
        "an organisation has 50 live counts, all together have 190",
        "Numbers go into totals only.",
        "a: hidden from everyone.",
        "b: may be searched; only uni-* may ask; numbers are shown; treated as protected.",
        "c: numbers go into totals only.",
        "d: as all others.",
    ):
        assert part in said
    assert "Numbers stand beside this node's name." in sentences(Policy())
    assert "Numbers below 30 go into totals only." in sentences(parse("[answers]\nsmallest_number_shown = 30"))


def test_exact_numbers_of_open_data_are_shown_however_small():
    policy = parse("[answers]\nsmallest_number_shown = 30")
    assert policy.shows(["public"], {"": 2}, exact=True)
    assert not policy.shows(["breast"], {"": 2})
