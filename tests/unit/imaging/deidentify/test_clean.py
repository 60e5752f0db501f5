"""The rules at every depth: no planted identifier survives, what is not listed is left alone, times move together."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian

from oncofed.imaging.deidentify import PROFILES, Deidentifier, Option, Profile, compile_policy
from oncofed.imaging.deidentify.tables import confidentiality
from oncofed.trust.pseudonyms import Pseudonyms

NAMES = Pseudonyms(b"s" * 32)
CT = "1.2.840.10008.5.1.4.1.1.2"
DEIDENTIFIERS = {name: Deidentifier(compile_policy(profile), NAMES) for name, profile in PROFILES.items()}
RESEARCH, STRICT = DEIDENTIFIERS["research"], DEIDENTIFIERS["strict"]
SECRETS = ("Okonkwo", "Adaeze", "MRN-77431", "ACC5512998", "19610417", "Rue Cuvier 12")


def deidentifier(*options: Option, **overrides: str) -> Deidentifier:
    return Deidentifier(compile_policy(Profile("test", frozenset(options), overrides)), NAMES)


def patient(**more: Any) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = CT
    dataset.SOPInstanceUID = "1.2.826.0.1.99.3"
    dataset.StudyInstanceUID = "1.2.826.0.1.99.1"
    dataset.SeriesInstanceUID = "1.2.826.0.1.99.2"
    dataset.PatientName = "Okonkwo^Adaeze"
    dataset.PatientID = "MRN-77431"
    dataset.AccessionNumber = "ACC5512998"
    dataset.PatientBirthDate = "19610417"
    dataset.PatientAddress = "Rue Cuvier 12"
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    return dataset


def tags(dataset: Dataset) -> list[BaseTag]:
    return [tag for tag, _ in dataset.items()]


def encoded(dataset: Dataset) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=False)
    return buffer.getvalue()


TEXTS = st.tuples(
    st.sampled_from(["", "CT of ", "seen by ", "ref "]), st.sampled_from(SECRETS), st.sampled_from(["", " today", "."])
).map("".join)
PLACES = st.sampled_from(
    [
        ("LO", 0x00081090), ("LO", 0x00080104), ("LO", 0x00620005), ("SH", 0x00080100), ("SH", 0x00180024),
        ("ST", 0x00620006), ("LT", 0x00400400), ("UT", 0x0040A160), ("UC", 0x00080119), ("CS", 0x00180015),
        ("PN", 0x0040A123), ("LO", 0x0008103E), ("LO", 0x00081030), ("SH", 0x00080094), ("LT", 0x00204000),
        ("LO", 0x00091001), ("UN", 0x00091002), ("OB", 0x00420013), ("UN", 0x00181030), ("LO", 0x30060026),
    ]
)  # fmt: skip
SEQUENCES = st.sampled_from(
    [0x00081115, 0x0040A730, 0x00081140, 0x52009229, 0x00400275, 0x30060020, 0x00091010, 0x00082218]
)
LEAVES = st.lists(st.tuples(PLACES, TEXTS), max_size=5)
TREES = st.recursive(
    st.tuples(LEAVES, st.just(())),
    lambda inner: st.tuples(LEAVES, st.lists(st.tuples(SEQUENCES, inner), max_size=2).map(tuple)),
    max_leaves=8,
)


def grown(tree: Any, dataset: Dataset) -> Dataset:
    leaves, branches = tree
    for (vr, tag), text in leaves:
        dataset.add(DataElement(tag, vr, text.encode() if vr in ("UN", "OB") else text, validation_mode=0))
    for tag, inner in branches:
        dataset.add_new(tag, "SQ", [grown(inner, Dataset())])
    return dataset


@pytest.mark.filterwarnings("ignore:(The value length|Invalid value for VR)")
@given(tree=TREES, name=st.sampled_from(sorted(PROFILES)))
def test_no_planted_identifier_survives_in_any_text_at_any_depth(tree: Any, name: str) -> None:
    dataset = grown(tree, patient())
    applied = DEIDENTIFIERS[name].apply(dataset)
    left = encoded(dataset)
    assert [secret for secret in SECRETS if secret.encode().lower() in left.lower()] == []
    assert not any(secret in str(part) for secret in SECRETS for part in (*applied.changes, *applied.review))


@given(tree=TREES)
@pytest.mark.filterwarnings("ignore:(The value length|Invalid value for VR)")
def test_the_same_object_gives_the_same_result(tree: Any) -> None:
    one, other = grown(tree, patient()), grown(tree, patient())
    assert RESEARCH.apply(one) == Deidentifier(compile_policy(PROFILES["research"]), Pseudonyms(b"s" * 32)).apply(other)
    assert encoded(one) == encoded(other)


LISTED = {row.number for row in confidentiality()}
NUMBERS = st.sampled_from(
    [("US", 0x00280010, 512), ("DS", 0x00281053, "1.5"), ("FD", 0x00189087, 800.0), ("IS", 0x00200013, "7")]
)


@given(st.lists(NUMBERS, max_size=4), st.sampled_from(sorted(PROFILES)))
def test_what_is_neither_listed_nor_text_is_left_alone(numbers: list[tuple[str, int, Any]], name: str) -> None:
    dataset = patient(Modality="CT", Manufacturer="ACME", BodyPartExamined="CHEST", ImageType=["ORIGINAL", "PRIMARY"])
    for vr, tag, value in numbers:
        dataset.add_new(tag, vr, value)
    before = {int(element.tag): str(element.value) for element in dataset if int(element.tag) not in LISTED}
    DEIDENTIFIERS[name].apply(dataset)
    assert {tag: str(dataset[tag].value) for tag in before} == before


def test_the_object_says_what_was_done() -> None:
    dataset = patient()
    applied = RESEARCH.apply(dataset)
    assert dataset.PatientIdentityRemoved == "YES"
    assert dataset.LongitudinalTemporalInformationModified == "MODIFIED"
    assert dataset.DeidentificationMethod.startswith("oncofed research 1 sha256:")
    codes = [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
    assert codes == [code.value for code in RESEARCH.policy.method_codes]
    assert applied.patient_key == dataset.PatientID == str(dataset.PatientName) == NAMES.patient("MRN-77431")
    assert applied.study_uid == dataset.StudyInstanceUID == NAMES.uid("1.2.826.0.1.99.1")


def test_what_others_did_before_stays_on_record() -> None:
    dataset = patient(DeidentificationMethod="TCIA")
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113106", "DCM", "Full dates"
    dataset.DeidentificationMethodCodeSequence = [code]
    for _ in range(2):
        RESEARCH.apply(dataset)
    assert next(iter(dataset.DeidentificationMethod)) == "TCIA"
    assert len(dataset.DeidentificationMethod) == 2
    values = [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
    assert values == ["113106", *(code.value for code in RESEARCH.policy.method_codes)]


@pytest.mark.parametrize(
    ("options", "said"),
    [((), "REMOVED"), ((Option.RETAIN_FULL_DATES,), "UNMODIFIED"), ((Option.RETAIN_MODIFIED_DATES,), "MODIFIED")],
)
def test_it_says_what_became_of_time(options: tuple[Option, ...], said: str) -> None:
    dataset = patient()
    deidentifier(*options).apply(dataset)
    assert dataset.LongitudinalTemporalInformationModified == said


def test_all_times_that_a_suv_needs_move_together() -> None:
    """Intervals between study, series, acquisition and injection stay to the microsecond."""
    dataset = patient(
        StudyDate="20200301", SeriesDate="20200301", SeriesTime="101500.5", AcquisitionDateTime="20200301101700.25+0100"
    )
    dose = Dataset()
    dose.RadiopharmaceuticalStartDateTime = "20200229235900"
    dose.RadiopharmaceuticalStartTime = "235900"
    dataset.RadiopharmaceuticalInformationSequence = [dose]
    dataset.add_new(0x00090010, "LO", "GEMS_PETD_01")
    dataset.add_new(0x0009103B, "DT", "20200229235900")
    RESEARCH.apply(dataset)
    assert dataset.StudyDate == dataset.SeriesDate != "20200301"
    assert dataset.SeriesTime == "101500.5"
    assert dataset.AcquisitionDateTime == f"{dataset.StudyDate}101700.25+0100"
    injected = dataset.RadiopharmaceuticalInformationSequence[0]
    assert injected.RadiopharmaceuticalStartDateTime == dataset[0x0009103B].value
    assert injected.RadiopharmaceuticalStartDateTime[8:] == "235900"
    assert injected.RadiopharmaceuticalStartTime == "235900"


def test_patients_do_not_share_an_offset() -> None:
    offsets = set()
    for number in range(20):
        dataset = patient(PatientID=str(number), StudyDate="20200301")
        RESEARCH.apply(dataset)
        offsets.add(dataset.StudyDate)
    assert len(offsets) > 15


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize(("keyword", "vr"), [("StudyDate", "DA"), ("SeriesDate", "DA"), ("AcquisitionDateTime", "DT")])
def test_a_date_that_is_none_goes_and_is_reported(keyword: str, vr: str) -> None:
    told: list[tuple[str, str]] = []
    dataset = patient()
    dataset.add(DataElement(keyword, vr, "in spring", validation_mode=0))
    tool = Deidentifier(RESEARCH.policy, NAMES, secret=lambda review, token: told.append((review.code, token)))
    tool.apply(dataset)
    assert not dataset.get(keyword)
    assert told == [("date-unreadable", "in spring")]


def test_several_dates_in_one_value_and_empty_ones() -> None:
    dataset = patient(StudyDate="")
    dataset.add_new(0x00080022, "DA", ["20200102", "", "20200103"])
    RESEARCH.apply(dataset)
    assert dataset.StudyDate == ""
    first, empty, last = dataset[0x00080022].value
    assert (empty, int(last) - int(first)) == ("", 1)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_ages_are_capped_and_garbage_goes() -> None:
    dataset = patient(PatientAge="097Y")
    RESEARCH.apply(dataset)
    assert dataset.PatientAge == "090Y"
    dataset = patient()
    dataset.add(DataElement("PatientAge", "AS", "old", validation_mode=0))
    RESEARCH.apply(dataset)
    assert "PatientAge" not in dataset
    dataset = patient(PatientAge="044Y")
    RESEARCH.apply(dataset)
    assert dataset.PatientAge == "044Y"


def test_without_a_patient_id_the_study_or_the_object_is_the_patient() -> None:
    dataset = patient(PatientID="")
    assert RESEARCH.apply(dataset).patient_key == NAMES.without_patient_id("1.2.826.0.1.99.1")
    dataset = patient()
    del dataset.PatientID, dataset.StudyInstanceUID
    assert RESEARCH.apply(dataset).patient_key == NAMES.without_patient_id("1.2.826.0.1.99.3")
    assert RESEARCH.apply(Dataset()).patient_key == NAMES.without_patient_id("unknown")


def test_a_patient_inside_another_ones_object_has_a_pseudonym_of_their_own() -> None:
    same, other, nobody = Dataset(), Dataset(), Dataset()
    same.PatientID, same.PatientName = "MRN-77431", "Okonkwo^A"
    other.PatientName, other.PatientID, other.IssuerOfPatientID = "Other^Name", "X1", "HERE"
    nobody.PatientName = "Some^One"
    dataset = patient(IssuerOfPatientID="THERE")
    dataset.ReferencedSeriesSequence = [same, other, nobody]
    key = RESEARCH.apply(dataset).patient_key
    names = [(str(item.PatientName), item.get("PatientID")) for item in dataset.ReferencedSeriesSequence]
    theirs = NAMES.patient("X1", "HERE")
    assert names == [(key, key), (theirs, theirs), (key, None)]


def test_references_stay_consistent_and_standard_uids_stay() -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CT, "1.2.826.0.1.99.3"
    dataset = patient(
        FrameOfReferenceUID="1.2.840.10008.1.4.1.1", SynchronizationFrameOfReferenceUID="1.2.840.10008.99.1"
    )
    dataset.ReferencedImageSequence = [reference]
    dataset.add_new(0x00280304, "UI", "1.2.826.0.1.99.3")
    dataset.ContextUID = "1.2.826.0.1.5"
    RESEARCH.apply(dataset)
    assert dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID == dataset.SOPInstanceUID
    assert dataset[0x00280304].value == dataset.SOPInstanceUID
    assert dataset.ReferencedImageSequence[0].ReferencedSOPClassUID == CT
    assert dataset.FrameOfReferenceUID == "1.2.840.10008.1.4.1.1"  # registered: an atlas
    assert dataset.SynchronizationFrameOfReferenceUID.startswith("2.25.")  # below the standard's root, but not its own
    assert dataset.ContextUID == "1.2.826.0.1.5"  # names a code list, nobody's object


def test_a_uid_in_a_text_becomes_its_pseudonym() -> None:
    dataset = patient()
    dataset.add_new(0x0040A160, "UT", "1.2.826.0.1.99.3")
    RESEARCH.apply(dataset)
    assert dataset[0x0040A160].value == dataset.SOPInstanceUID


def test_kept_uids_are_kept_everywhere_and_garbage_is_not() -> None:
    dataset = patient()
    dataset.add_new(0x00280304, "UI", "1.2.826.0.1.99.3")
    dataset.add(DataElement(0x00701209, "UI", "Okonkwo", validation_mode=0))
    dataset.add_new(0x0040A160, "UT", "lesion 1.2.826.0.1.99.3")
    deidentifier(Option.RETAIN_UIDS).apply(dataset)
    assert dataset.SOPInstanceUID == dataset[0x00280304].value == "1.2.826.0.1.99.3"
    assert 0x00701209 not in dataset


def test_structured_content_keeps_codes_and_numbers() -> None:
    def item(kind: str, **values: Any) -> Dataset:
        made = Dataset()
        made.RelationshipType, made.ValueType = "CONTAINS", kind
        for keyword, value in values.items():
            setattr(made, keyword, value)
        return made

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "A-1", "99SITE", "Tumour of Dr. Okonkwo's"
    number = Dataset()
    number.NumericValue = "12.5"
    dataset = patient()
    dataset.ContentSequence = [
        item("TEXT", TextValue="lesion of Okonkwo in segment 4"),
        item("PNAME", PersonName="Reader^Anna"),
        item("NUM", MeasuredValueSequence=[number]),
        item("CODE", ConceptCodeSequence=[code]),
        item("UIDREF", UID="1.2.826.0.1.99.3"),
        item("DATE", Date="20200301"),
        item("TIME", Time="101500"),
        item("TEXT", TextValue="Xyzzy"),
    ]
    RESEARCH.apply(dataset)
    text, name, measured, coded, uid, day, time, gone = dataset.ContentSequence
    assert text.TextValue == "lesion of in segment 4"
    assert "Reader" not in str(name.PersonName)
    assert measured.MeasuredValueSequence[0].NumericValue == 12.5
    assert coded.ConceptCodeSequence[0].CodeValue == "A-1"
    assert "Okonkwo" not in coded.ConceptCodeSequence[0].CodeMeaning
    assert dataset.SOPInstanceUID == uid.UID
    assert day.Date not in ("20200301", "")
    assert time.Time == "101500"
    assert gone.TextValue == "REMOVED"
    STRICT.apply(dataset)
    assert [one.TextValue for one in dataset.ContentSequence] == ["REMOVED"]


def test_codes_in_a_cleaned_sequence_stay_where_others_publish_their_scheme() -> None:
    def coded(scheme: str) -> Dataset:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "QX77431", scheme, "Malignant qwertz of breast"
        return code

    dataset = patient()
    dataset.AdmittingDiagnosesCodeSequence = [coded("I10"), coded("99KLINIK"), coded("L")]
    deidentifier(Option.CLEAN_DESCRIPTORS).apply(dataset)
    codes = [(one.CodeValue, one.CodeMeaning) for one in dataset.AdmittingDiagnosesCodeSequence]
    assert codes[0] == ("QX77431", "Malignant qwertz of breast")
    assert codes[1] == codes[2]
    assert codes[1][1] == "Malignant of breast"
    assert codes[1][0] != "QX77431"


@pytest.mark.parametrize(("kind", "stays"), [("R", True), ("G", False)])
def test_overlays_stay_only_as_regions_where_graphics_are_cleaned(kind: str, stays: bool) -> None:
    def overlay() -> Dataset:
        dataset = patient()
        dataset.add_new(0x60000010, "US", 2)
        dataset.add_new(0x60000022, "LO", "liver of Okonkwo")
        dataset.add_new(0x60000040, "CS", kind)
        dataset.add_new(0x60003000, "OW", b"\1\2")
        dataset.add_new(0x50003000, "OW", b"\1\2")
        return dataset

    cleaned, removed = overlay(), overlay()
    deidentifier(Option.CLEAN_GRAPHICS).apply(cleaned)
    assert (0x60003000 in cleaned) is stays
    assert 0x50003000 not in cleaned
    if stays:
        assert cleaned[0x60000022].value == "liver of"
    deidentifier().apply(removed)
    assert [tag for tag in tags(removed) if int(tag) >> 24 in (0x50, 0x60)] == []


def test_an_overlay_in_the_pixels_is_flagged() -> None:
    dataset = patient()
    dataset.add_new(0x60000040, "CS", "G")
    dataset.add_new(0x60000100, "US", 16)
    assert deidentifier(Option.CLEAN_GRAPHICS).apply(dataset).flags == {"overlay-in-pixels"}


def test_private_elements_stay_only_when_the_safe_list_knows_them() -> None:
    def private() -> Dataset:
        dataset = patient()
        dataset.add_new(0x00190010, "LO", "SIEMENS MR HEADER")
        dataset.add_new(0x0019100C, "IS", "1000")
        dataset.add_new(0x001910FF, "LO", "x")
        dataset.add_new(0x00190011, "LO", "SOMEBODY")
        dataset.add_new(0x0019110C, "IS", "1000")
        dataset.add_new(0x00291001, "LO", "no creator")
        dataset.add_new(0x00190090, "LO", "GEMS_ACQU_01")
        dataset.add_new(0x0019909E, "LO", "fgre Okonkwo 2020-03-01")
        return dataset

    kept, gone = private(), private()
    deidentifier(Option.RETAIN_SAFE_PRIVATE).apply(kept)
    assert sorted(int(tag) for tag in tags(kept) if tag.is_private) == [0x00190010, 0x00190090, 0x0019100C, 0x0019909E]
    assert "Okonkwo" not in kept[0x0019909E].value
    assert "2020" not in kept[0x0019909E].value
    deidentifier().apply(gone)
    assert [tag for tag in tags(gone) if tag.is_private] == []


def test_safe_private_values_are_taken_as_what_the_list_says() -> None:
    dataset = patient()
    dataset.add_new(0x00090010, "LO", "GEMS_PETD_01")
    dataset.add(DataElement(0x0009103B, "UN", b"20200229235900"))
    RESEARCH.apply(dataset)
    assert dataset[0x0009103B].value not in (b"20200229235900", "20200229235900")


def raw(tag: int, vr: str, value: bytes) -> RawDataElement:
    return RawDataElement(BaseTag(tag), vr, len(value), value, 0, False, True, True)


@pytest.mark.parametrize(
    ("tag", "vr", "value", "stays"),
    [
        (0x00281050, "DS", b"12.5\\13 ", True),
        (0x00281050, "DS", b"Okonkwo ", True),
        (0x00200013, "IS", b"Okonkwo ", True),
        (0x00281051, "DS", b"1,5 ", False),
        (0x00280010, "ZZ", b"Okonkwo ", True),  # a VR that is none: that of the dictionary (US)
        (0x00990010, "ZZ", b"Okonkwo ", False),
        (0x00081115, "LO", b"Okonkwo ", True),
        (0x00081115, "SQ", b"Okonkwo ", True),
        (0x00081115, "SQ", b"\1\2\3", False),
        (0x00081115, "UN", b"Okonkwo ", True),
        (0x00081190, "UR", b"http://okonkwo.example", False),
        (0x0008010E, "UR", b"http://code.example", True),
        (0x00142006, "PN", b"Okonkwo^A", True),
        (0x00283006, "OW", b"\0" * 70_000, True),
        (0x00420013, "OB", b"", True),
    ],
)
def test_values_that_are_not_what_their_representation_says(tag: int, vr: str, value: bytes, stays: bool) -> None:
    dataset = patient()
    dataset[tag] = raw(tag, vr, value)
    RESEARCH.apply(dataset)
    assert (tag in dataset) is stays
    if stays and vr != "ZZ":
        assert b"konkwo" not in encoded(dataset)


def test_a_representation_that_no_dictionary_knows_goes() -> None:
    dataset = patient()
    dataset[0x00180099] = raw(0x00180099, "ZZ", b"Okonkwo ")
    RESEARCH.apply(dataset)
    assert 0x00180099 not in dataset


@pytest.mark.parametrize("keyword", ["PatientID", "PatientAge", "StudyDate", "SeriesDescription"])
def test_a_sequence_where_a_value_should_be_is_cleaned_or_gone(keyword: str) -> None:
    item = Dataset()
    item.PatientComments = "Okonkwo"
    dataset = Dataset()
    dataset.PatientName = "Okonkwo^A"
    dataset.add(DataElement(keyword, "SQ", Sequence([item])))
    RESEARCH.apply(dataset)
    assert "Okonkwo" not in str(dataset)


def test_group_lengths_and_foreign_groups_go() -> None:
    dataset = patient()
    for tag in (0x00080000, 0x00020010, 0x00000002, 0x00100000):
        dataset[tag] = raw(tag, "UL", b"\0\0\0\0")
    RESEARCH.apply(dataset)
    assert not {0x00080000, 0x00020010, 0x00000002, 0x00100000} & {int(tag) for tag in tags(dataset)}


@pytest.mark.parametrize("depth", [1, 50])
def test_fifty_deep(depth: int) -> None:
    dataset = patient()
    inner = dataset
    for _ in range(depth):
        inner.ReferencedSeriesSequence = [Dataset()]
        inner = inner.ReferencedSeriesSequence[0]
    inner.PatientBirthName = "Okonkwo"
    inner.OperatorsName = "Nurse^Joy"
    applied = RESEARCH.apply(dataset)
    assert "PatientBirthName" not in inner
    assert "OperatorsName" not in inner
    assert applied.changes[-1].path.count("[0]") in (0, depth)


CHARACTER_SETS = [
    ("ISO_IR 100", "Müller^Jürgen", "Klinik für Müller"),
    ("ISO_IR 144", "Жданов^Пётр", "снимок Жданов"),
    ("ISO_IR 192", "王小東", "检查 王小東"),
    ("GB18030", "王^小东", "胸部 王小东"),
    ("ISO_IR 127", "قباني^نزار", "صورة قباني"),
]


@pytest.mark.parametrize(("charset", "name", "text"), CHARACTER_SETS)
def test_names_are_found_in_every_script(charset: str, name: str, text: str) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = charset
    dataset.PatientName = name
    dataset.add_new(0x00620005, "LO", text)
    dataset.add_new(0x00400400, "LT", text)
    again = dcmread(io.BytesIO(encoded(dataset)), force=True)
    RESEARCH.apply(again)
    family = name.split("^")[0]
    assert family not in str(again)
    assert again.SpecificCharacterSet == charset


def test_text_left_in_another_script_is_written_in_its_character_set() -> None:
    dataset = patient(SpecificCharacterSet="ISO_IR 100")
    dataset.add_new(0x00620005, "LO", "Läsion von Okonkwo")
    dataset.SeriesDescription = "Niere nativ Okonkwo"
    again = dcmread(io.BytesIO(encoded(dataset)), force=True)
    RESEARCH.apply(again)
    last = dcmread(io.BytesIO(encoded(again)), force=True)
    assert "Okonkwo" not in str(last)
    assert last.SpecificCharacterSet == "ISO_IR 100"


def test_an_unlisted_time_follows_the_profile() -> None:
    def timed() -> Dataset:
        dataset = patient()
        dataset.add_new(0x00144076, "DA", "20200301")
        return dataset

    kept, gone, moved = timed(), timed(), timed()
    deidentifier(Option.RETAIN_FULL_DATES).apply(kept)
    deidentifier().apply(gone)
    RESEARCH.apply(moved)
    assert kept[0x00144076].value == "20200301"
    assert gone[0x00144076].value == "19000101"
    assert moved[0x00144076].value not in ("20200301", "19000101")


def test_overrides_are_obeyed_at_every_depth() -> None:
    dataset = patient(PatientWeight="70", ProtocolName="Okonkwo liver")
    item = Dataset()
    item.PatientWeight = "70"
    dataset.ReferencedSeriesSequence = [item]
    deidentifier(PatientWeight="K", ProtocolName="C", Manufacturer="X").apply(dataset)
    assert dataset.PatientWeight == dataset.ReferencedSeriesSequence[0].PatientWeight == 70
    assert dataset.ProtocolName == "liver"


def concept(value: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", "Subject"
    return code


def age_item(years: str, unit: str = "a") -> Dataset:
    measured, item = Dataset(), Dataset()
    measured.NumericValue = years
    measured.FloatingPointValue = float(years)
    measured.MeasurementUnitsCodeSequence = [concept(unit)]
    item.ValueType, item.ConceptNameCodeSequence = "NUM", [concept("121033")]
    item.MeasuredValueSequence = [measured]
    return item


@pytest.mark.parametrize(("years", "unit", "left"), [("97", "a", 90), ("45", "a", 45), ("970", "mo", 970)])
def test_an_age_in_a_report_is_capped_too(years: str, unit: str, left: int) -> None:
    dataset = patient(ContentSequence=[age_item(years, unit)])
    RESEARCH.apply(dataset)
    measured = dataset.ContentSequence[0].MeasuredValueSequence[0]
    assert measured.NumericValue == left
    assert ("FloatingPointValue" in measured) is (years != "97")


def test_an_age_in_a_report_goes_without_patient_characteristics() -> None:
    dataset = patient(ContentSequence=[age_item("45"), age_item("45")])
    del dataset.ContentSequence[1].MeasuredValueSequence
    deidentifier(Option.CLEAN_STRUCTURED_CONTENT).apply(dataset)
    assert not dataset.ContentSequence[0].MeasuredValueSequence


def test_a_birth_date_in_a_report_never_stays_nor_tells_the_shift() -> None:
    item = Dataset()
    item.ValueType, item.ConceptNameCodeSequence, item.Date = "DATE", [concept("121031")], "19610417"
    dataset = patient(ContentSequence=[item])
    RESEARCH.apply(dataset)
    assert dataset.ContentSequence[0].Date == "19000101"


def test_a_date_anybody_can_look_up_does_not_tell_the_shift() -> None:
    code = Dataset()
    code.ContextGroupVersion = "20020904000000"
    dataset = patient(AnatomicRegionSequence=[code], DateOfManufacture="20100501")
    RESEARCH.apply(dataset)
    assert dataset.AnatomicRegionSequence[0].ContextGroupVersion == "19000101000000"
    assert "DateOfManufacture" not in dataset


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [("SeriesDescription", "OB", b"Okonkwo"), ("AcquisitionDate", "US", b"\1\2"), ("SOPInstanceUID", "OB", b"1.2.3\0")],
)
def test_listed_values_of_another_representation(keyword: str, vr: str, value: bytes) -> None:
    dataset = patient()
    tag = BaseTag(tag_for_keyword(keyword))
    dataset[tag] = raw(int(tag), vr, value)
    RESEARCH.apply(dataset)
    assert tag not in dataset or value not in encoded(dataset)


def test_a_character_set_nobody_knows_does_not_stop_the_search() -> None:
    dataset = patient(SpecificCharacterSet="ISO_IR 100")
    dataset[0x00080005] = raw(0x00080005, "CS", b"NO_SET  ")
    dataset[0x00620005] = raw(0x00620005, "LO", "Läsion Okonkwo".encode("latin-1"))
    dataset[0x0008103E] = raw(0x0008103E, "LO", b"        ")
    RESEARCH.apply(dataset)
    assert "konkwo" not in str(dataset.get_item(0x00620005).value)
