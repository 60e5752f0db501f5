"""What was remembered of other files changes no result: one memory for all gives what a new one for each file gives."""

import io
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, SegmentationStorage

from oncofed.imaging.deidentify import PROFILES, Applied, Deidentifier, Policy, Review, compile_policy, memory, reading
from oncofed.imaging.deidentify.clean import Cleaning
from oncofed.imaging.deidentify.profile import Option, Profile
from oncofed.trust.pseudonyms import Pseudonyms

NAMES = Pseudonyms(b"s" * 32)
POLICIES = {name: compile_policy(profile) for name, profile in PROFILES.items()} | {
    "site": compile_policy(
        Profile(
            "site",
            frozenset({Option.RETAIN_SAFE_PRIVATE, Option.CLEAN_GRAPHICS}),
            {"60000040": "X", "SpecificCharacterSet": "X", "DeidentificationMethod": "C"},
            words=frozenset({"röntgen"}),
        )
    )
}
PEOPLE = (
    {"PatientName": "Okonkwo^Adaeze", "PatientID": "MRN-77431"},
    {"PatientName": "Liver^Jürgen", "PatientID": "MRN-77431", "IssuerOfPatientID": "Elsewhere"},
    {"PatientName": "Okonkwo^Adaeze", "PatientID": "B-2", "AccessionNumber": "ACC99812"},
    {"PatientName": "ISO_IR 100", "PatientID": " "},
)
VALUES = (
    (0x00081030, "LO", "CT LIVER OKONKWO"), (0x00081030, "LO", "LIVER Jürgen"), (0x00081030, "LO", "ACC99812"),
    (0x00080008, "CS", "ORIGINAL\\PRIMARY"), (0x00080020, "DA", "20200304"), (0x00080020, "DA", "20210304"),
    (0x0008002A, "DT", "20200304101112"), (0x00101010, "AS", "091Y"), (0x00104000, "LT", "seen by Dr Okonkwo"),
    (0x00181030, "LO", "MRN-77431"), (0x00180050, "DS", "2.5"), (0x00200010, "SH", "7743100"),
    (0x00200011, "IS", "7743100"), (0x00280010, "US", 2), (0x00400280, "ST", "Liver"), (0x00120062, "CS", "NO"),
    (0x00120063, "LO", "by hand\\Okonkwo"), (0x00280303, "CS", "REMOVED"),
    (0x00090010, "LO", "SIEMENS MED"), (0x00090010, "LO", "MRN-77431"),
    (0x00191008, "CS", "IMAGE NUM 4"), (0x00190010, "LO", "SIEMENS MR HEADER"), (0x0019100C, "IS", "1000"),
    (0x60000040, "CS", "R"), (0x60000022, "LO", "Okonkwo"), (0x60003000, "OW", b"\1\2"), (0x60000102, "US", 8),
    (0x7FE00010, "OW", b"\1\2\3\4"), (0xFFFCFFFC, "OB", b"\0\0"),
    (0x00180050, "UN", b""), (0x00180050, "DS", ""), (0x00181020, "UN", b"VA1 "), (0x00081140, "UN", b""),
    (0x0020000D, "UN", b""), (0x00080018, "UN", b"1.2.826.0.1.99.9"), (0x00100040, "UN", b""),
)  # fmt: skip
SEQUENCES = (0x00081140, 0x00400275, 0x0040A730, 0x00081032, 0x52009229, 0x00120064)
INSIDE = (
    (0x00081155, "UI", "1.2.826.0.1.99.7"), (0x00080100, "SH", "OKO"), (0x0040A123, "PN", "Adebayo^Tunde"),
    (0x00100020, "LO", "MRN-77431"), (0x00100020, "LO", "B-2"), (0x0040A160, "UT", "liver of Adebayo"),
    (0x00401001, "SH", "R77"), (0x00080104, "LO", "Liver"),
)  # fmt: skip
OBJECTS = st.tuples(
    st.sampled_from(PEOPLE),
    st.lists(st.sampled_from(VALUES), max_size=8),
    st.lists(st.tuples(st.sampled_from(SEQUENCES), st.lists(st.sampled_from(INSIDE), max_size=3)), max_size=2),
    st.sampled_from(["", "ISO_IR 100", "ISO_IR 192"]),
    st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian]),
    st.booleans(),
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def made(given: Any, number: int = 1) -> bytes:
    """A file of its own instance."""
    person, values, sequences, charset, syntax, open_ended = given
    dataset = Dataset()
    if charset:
        dataset.SpecificCharacterSet = charset
    dataset.SOPClassUID = SegmentationStorage if open_ended else CTImageStorage
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.826.0.1.99.1", "1.2.826.0.1.99.2"
    dataset.SOPInstanceUID = f"1.2.826.0.1.99.3.{number}"
    for tag, vr, value in values:
        dataset[tag] = DataElement(tag, vr, value, validation_mode=0)
    for tag, inside in sequences:
        item = Dataset()
        for number, vr, value in inside:
            item[number] = DataElement(number, vr, value, validation_mode=0)
        dataset.add_new(tag, "SQ", [item])
        dataset[tag].is_undefined_length = item.is_undefined_length_sequence_item = open_ended
    for keyword, value in person.items():
        setattr(dataset, keyword, value if charset else value.encode("ascii", "replace").decode())
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue().replace(b"J@@rgen", "Jürgen".encode()).replace(b"R@@ntgen", "Röntgen".encode())


class One:
    """A de-identifier, and what it told."""

    def __init__(self, policy: Policy) -> None:
        self.told: list[tuple[Review, str]] = []
        self.deidentifier = Deidentifier(policy, NAMES, secret=lambda *one: self.told.append(one), durable=False)

    def clean(self, source: bytes, target: Path) -> tuple[Applied, bytes, list[tuple[Review, str]]]:
        self.told.clear()
        applied = self.deidentifier.file(source, target)
        return applied, target.read_bytes(), list(self.told)


def as_a_whole(policy: Policy, source: bytes, target: Path) -> Any:
    """By pydicom, remembering nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_from_the_front", lambda _stream, _road: None)
        return One(policy).clean(source, target)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(objects=st.lists(OBJECTS, min_size=1, max_size=3), name=st.sampled_from(sorted(POLICIES)))
@example(objects=[(PEOPLE[0], [VALUES[23], VALUES[25]], [], "", ExplicitVRLittleEndian, False)] * 2, name="site")
@example(
    objects=[(one, VALUES[:1], [], "ISO_IR 100", ExplicitVRLittleEndian, False) for one in PEOPLE], name="research"
)
def test_files_in_any_order_under_one_memory(objects: list[Any], name: str) -> None:
    """Every object twice, as two instances, between the others."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "a.dcm"
        remembering = One(POLICIES[name])
        for number, one in product((1, 2), objects):
            source = made(one, number)
            assert remembering.clean(source, target) == as_a_whole(POLICIES[name], source, target)


SLICE: Any = (
    PEOPLE[0],
    [VALUES[0], VALUES[3], VALUES[27]],
    [(0x00081140, INSIDE[:1])],
    "",
    ExplicitVRLittleEndian,
    False,
)
SEQUENCE_NAME, CREATOR, SAFE = 0x00180024, 0x00190010, 0x0019100C


def described(text: str, *more: Any, syntax: str = ExplicitVRLittleEndian, charset: str = "", inside: Any = ()) -> Any:
    """An object with a text that stays unless it holds an identifier."""
    sequences = [(0x00081032, list(inside))] if inside else []
    return ({"PatientID": "B-2"}, [(SEQUENCE_NAME, "SH", text), *more], sequences, charset, syntax, False)


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        *(
            (described(value, (tag, vr, value)), described(value, (tag, vr, another)), "research")
            for tag, vr, value, another in (
                (0x00100010, "PN", "Okonkwo", "Adebayo"), (0x00080050, "SH", "ACC99812", "ACC11111"),
                (0x00200010, "SH", "7743100", "1"), (0x00080020, "DA", "20200304", "20210304"),
                (0x00080090, "PN", "Okonkwo", "Adebayo"), (0x00080080, "LO", "Zzyzx", "Liver"),
            )
        ),
        (described("a", (0x00100021, "LO", "here")), described("a", (0x00100021, "LO", "there")), "research"),
        (
            described("Juergen", (0x00100010, "PN", "J@@rgen"), charset="ISO_IR 100"),
            described("Juergen", (0x00100010, "PN", "J@@rgen"), charset="ISO_IR 192"),
            "research",
        ),
        (described("Adebayo", inside=INSIDE[2:3]), described("Adebayo", inside=INSIDE[6:7]), "research"),
        (
            described("a", (CREATOR, "LO", "SIEMENS MR HEADER"), (SAFE, "IS", "1000")),
            described("a", (CREATOR, "LO", "SIEMENS MR"), (SAFE, "IS", "1000")),
            "site",
        ),
        (
            described("a", (CREATOR, "LO", "SIEMENS MR HEADER"), (SAFE, "IS", "1000")),
            described("a", (CREATOR, "LO", "SIEMENS MR HEADER"), (SAFE, "IS", "50")),
            "site",
        ),
        (described("a", (0x00120063, "LO", "by hand")), described("a", (0x00120063, "LO", "by foot")), "research"),
        (described("a"), (*described("a")[:5], True), "strict"),
        (described("a"), described("a", syntax=ImplicitVRLittleEndian), "research"),
        *(  # texts that are written anew, in a character set that is cleaned, too
            (described("a", named, charset=charset), described("R@@ntgen Okonkwo", named, charset=charset), "site")
            for charset in ("ISO_IR 100", "ISO_IR 192")
            for named in [(0x00100010, "PN", "Okonkwo")]
        ),
    ],
)  # fmt: skip
def test_contexts_that_differ_in_one_thing(one: Any, other: Any, name: str, tmp_path: Path) -> None:
    policy = POLICIES[name]
    remembering = One(policy)
    for number, given_ in enumerate((one, other, one, other)):
        source = made(given_, number)
        assert remembering.clean(source, tmp_path / "a.dcm") == as_a_whole(policy, source, tmp_path / "b.dcm")


def known(deidentifier: Deidentifier) -> list[bytes]:
    layouts = [layout for layout in deidentifier._memory._layouts.values() if layout is not None]
    return [content for layout in layouts for context in layout.contexts.values() for content in context.known]


def test_only_what_is_new_is_cleaned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = One(POLICIES["research"])
    one.clean(made(SLICE, 1), tmp_path / "a.dcm")
    before = len(known(one.deidentifier))
    met: list[int] = []
    element = Cleaning._element

    def watched(self: Cleaning, item: Any, tag: int, *more: Any) -> None:
        met.append(tag)
        element(self, item, tag, *more)

    monkeypatch.setattr(Cleaning, "_element", watched)
    one.clean(made(SLICE, 2), tmp_path / "a.dcm")
    assert met == [0x00080018]
    assert len(known(one.deidentifier)) == before + 1


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ((PEOPLE[0], [VALUES[23]], [], "", ExplicitVRLittleEndian, False), "an overlay"),
        ((PEOPLE[3], [], [], "", ExplicitVRLittleEndian, False), "no Patient ID"),
        ((PEOPLE[0], [VALUES[27], VALUES[28]], [], "", ExplicitVRLittleEndian, False), "something behind the pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_cleaned_as_a_whole(given_: Any, why: str, tmp_path: Path) -> None:
    one = One(POLICIES["research"])
    assert one.clean(made(given_), tmp_path / "a.dcm") == as_a_whole(
        POLICIES["research"], made(given_), tmp_path / "b.dcm"
    )
    assert not known(one.deidentifier), why


def test_it_forgets_before_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = One(POLICIES["research"])
    monkeypatch.setattr(memory, "_MOST_BYTES", 30_000)
    monkeypatch.setattr(memory, "_LONGEST", 40)
    sizes = []
    for number in range(60):
        source = made(SLICE, number)
        assert (
            one.clean(source, tmp_path / "a.dcm")[1] == as_a_whole(POLICIES["research"], source, tmp_path / "b.dcm")[1]
        )
        sizes.append(len(known(one.deidentifier)))
        assert max(map(len, known(one.deidentifier))) <= 40
    assert max(sizes) < 60
    assert sizes != sorted(sizes)


def test_meta_information_that_bends_the_standard_is_left_to_pydicom(tmp_path: Path) -> None:
    source = made(SLICE).replace(b"\2\0\2\0UI", b"\2\0\2\0SH", 1)
    one = One(POLICIES["research"])
    assert one.clean(source, tmp_path / "a.dcm") == as_a_whole(POLICIES["research"], source, tmp_path / "b.dcm")
    assert not known(one.deidentifier)
