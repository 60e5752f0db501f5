"""The compiler: options, overrides and types become one action for each attribute, at each place."""

from functools import cache
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import tag_for_keyword

from oncofed.imaging.deidentify import PROFILES, Action, Option, Policy, Profile, compile_policy
from oncofed.imaging.deidentify.tables import confidentiality

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
SEG = "1.2.840.10008.5.1.4.1.1.66.4"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"

OPTION_SETS = [
    frozenset(chosen)
    for size in range(len(Option) + 1)
    for chosen in combinations(Option, size)
    if not {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES} <= set(chosen)
]


@cache
def compiled(options: frozenset[Option]) -> Policy:
    return compile_policy(Profile("all", options))


LETTERS = {
    "X": {Action.REMOVE},
    "Z": {Action.EMPTY, Action.DUMMY, Action.PATIENT},
    "D": {Action.DUMMY, Action.PATIENT},
    "U": {Action.UID},
    "K": {Action.KEEP, Action.AGE},
    "C": {Action.CLEAN, Action.SHIFT, Action.AGE, Action.KEEP},
}


def action(policy: Policy, keyword: str, sop_class: str = CT, place: tuple[str, ...] = ()) -> Action:
    level = policy.level(sop_class)
    for sequence in place:
        level = level.inside(tag_for_keyword(sequence))
    return level.actions[tag_for_keyword(keyword)]


def policy(*options: Option, **overrides: str) -> Policy:
    return compile_policy(Profile("test", frozenset(options), overrides))


def test_every_action_under_every_set_of_options_is_one_the_table_allows() -> None:
    """All 768 sets: no row does what neither its basic profile nor an option that was chosen says."""
    assert len(OPTION_SETS) == 768
    for options in OPTION_SETS:
        rules = {rule.tag: rule for rule in compiled(options).rules}
        for row in confidentiality():
            marks = {row.options[one.column] for one in options if row.options.get(one.column)}
            letters = marks or {part[0] for part in row.basic.split("/")}
            allowed = set().union(*(LETTERS[letter] for letter in letters))
            if "C" in marks:
                allowed |= set().union(*(LETTERS[part[0]] for part in row.basic.split("/")))
            assert rules[row.tag].actions <= allowed, (row.keyword, options)


def test_an_option_that_keeps_is_obeyed_unless_dates_are_shifted() -> None:
    for option in Option:
        rules = {rule.tag: rule for rule in policy(option).rules}
        for row in confidentiality():
            if row.options.get(option.column) == "K":
                assert rules[row.tag].actions <= {Action.KEEP, Action.AGE}
    both = policy(Option.RETAIN_DEVICE, Option.RETAIN_MODIFIED_DATES)
    assert action(both, "DateOfLastCalibration") is Action.SHIFT
    assert action(policy(Option.RETAIN_DEVICE), "DateOfLastCalibration") is Action.KEEP


@pytest.mark.parametrize(
    ("keyword", "sop_class", "place", "expected"),
    [
        ("SeriesDate", CT, (), Action.REMOVE),  # X/D, type 3
        ("SeriesDate", "1.2.840.10008.5.1.4.1.1.128", (), Action.DUMMY),  # X/D, type 1 in PET
        ("DeviceSerialNumber", CT, (), Action.REMOVE),  # X/Z/D, type 3
        ("DeviceSerialNumber", ENHANCED_CT, (), Action.DUMMY),  # type 1 in enhanced objects
        ("ContentDate", ENHANCED_CT, (), Action.DUMMY),  # Z/D, type 1
        ("ContentCreatorName", CT, (), Action.EMPTY),  # Z/D, type 3: Z comes before D
        ("ContentCreatorName", SEG, (), Action.EMPTY),
        ("AcquisitionContextSequence", ENHANCED_CT, (), Action.EMPTY),  # X/Z, type 2
        ("ROIName", RTSTRUCT, ("StructureSetROISequence",), Action.EMPTY),  # Z
        ("PatientID", CT, (), Action.PATIENT),
        ("InstitutionName", CT, ("ReferencedSeriesSequence",), Action.REMOVE),  # no IOD has it there
        ("InstitutionName", "1.2.3.4", (), Action.REMOVE),
        ("SeriesDate", "1.2.3.4", (), Action.DUMMY),  # a SOP class nobody knows: the strictest of all
        ("ReferencedImageSequence", CT, (), Action.UID),
    ],
)
def test_the_type_decides_where_the_table_leaves_a_choice(
    keyword: str, sop_class: str, place: tuple[str, ...], expected: Action
) -> None:
    assert action(policy(), keyword, sop_class, place) is expected


def test_a_place_of_which_no_iod_speaks_is_an_extension_at_any_depth() -> None:
    place = ("ReferencedSeriesSequence", "StructureSetROISequence")
    assert action(policy(), "DeviceSerialNumber", ENHANCED_CT, place) is Action.REMOVE
    level = policy().level(CT)
    assert level.inside(0x00091001) is level.inside(0x00091001)


def test_a_site_overrides_listed_and_unlisted_attributes() -> None:
    site = policy(PatientWeight="K", Manufacturer="X", SeriesInstanceUID="K", PatientID="D", Rows="C")
    assert action(site, "PatientWeight") is Action.KEEP
    assert action(site, "Manufacturer") is Action.REMOVE
    assert action(site, "PatientID") is Action.DUMMY
    assert "00280010" in {rule.tag for rule in site.rules if rule.why == "site override"}
    assert compile_policy(Profile("p", overrides={"00091001": "X"})).rules[-1].vr == "UN"


def test_the_digest_tells_policies_apart_and_is_stable() -> None:
    digests = {compiled(options).digest for options in OPTION_SETS}
    assert len(digests) == len(OPTION_SETS)
    assert policy().digest == compile_policy(Profile("another name")).digest
    assert policy().digest != policy(PatientWeight="K").digest
    assert policy().digest != compile_policy(Profile("x", age_cap=80)).digest


@given(st.sampled_from(OPTION_SETS))
def test_the_codes_say_which_options_were_chosen(options: frozenset[Option]) -> None:
    codes = [code.value for code in compiled(options).method_codes]
    assert codes[0] == "113100"
    assert len(set(codes)) == len(options) + 1
    assert set(codes[1:]) <= {str(number) for number in range(113103, 113113)}


def test_named_profiles_have_the_codes_of_their_options() -> None:
    codes = {code.value for code in compile_policy(PROFILES["research"]).method_codes}
    assert {"113100", "113104", "113105", "113107", "113108", "113109"} <= codes
    assert "113110" not in codes
