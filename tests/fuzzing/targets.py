"""What is fuzzed: each reader with files to begin from, and what must hold whatever becomes of them.

A check returns what came of the bytes (``""`` or a code). Anything it raises is a defect: readers raise documented
errors only, the two roads of a reader agree, and nothing of the patient's identity is in what they let pass.
"""

import io
import random
import re
import shutil
import socket
import tarfile
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import openpyxl
import pydicom
import pydicom.data
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filewriter import dcmwrite

from oncofed.contracts.errors import OncofedError
from oncofed.imaging import headers, pixels
from oncofed.imaging.deidentify import PROFILES, Deidentifier, compile_policy, read_profile, reading
from oncofed.imaging.elements import BROKEN, walk
from oncofed.imaging.headers import Unusable, read_stream, read_with_pydicom
from oncofed.imaging.identifiers import gather
from oncofed.imaging.quality import Unreadable, read_instance
from oncofed.imaging.quality.series import assess
from oncofed.imaging.references import read
from oncofed.imaging.residual import Expected, search
from oncofed.prepare import optouts
from oncofed.prepare.carry_out import Surroundings, carry_out
from oncofed.prepare.mapping import load_mapping, map_data
from oncofed.prepare.plan import read_plan
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.release import Node
from oncofed.prepare.run import Run, State
from oncofed.prepare.sources import archive, dicomdir, scp
from oncofed.prepare.verification import Batch, Job, check
from oncofed.trust.keys import SigningKey
from oncofed.trust.pseudonyms import Pseudonyms
from tests.factories.mapping import PATIENTS, write_csv
from tests.factories.source import a_file
from tests.fuzzing import mutations
from tests.fuzzing.mutations import Mutation

NAMES = Pseudonyms(b"s" * 32)
SMALL = 60_000
PYDICOM = Path(pydicom.data.__file__).parent
OWN = {
    "PatientName": "Kowalczyk^Zdzislawa",
    "PatientID": "QX7-443-9921",
    "OtherPatientIDs": "OLD-88213",
    "AccessionNumber": "ACC99182",
    "ReferringPhysicianName": "Okonkwo^Chidiebere",
    "InstitutionName": "Saint Elsewhere Clinic",
}
WRITTEN = {
    "PatientName": ("Kowalczyk", "Zdzislawa"),
    "PatientID": ("QX7-443-9921",),
    "AccessionNumber": ("ACC99182",),
    "ReferringPhysicianName": ("Okonkwo", "Chidiebere"),
}
"""Strings of the planted identity by the attribute that says whose they are: while it does, none of them may stay."""
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")


@dataclass(frozen=True)
class Target:
    """One reader. ``check(content, folder, rng)`` says what came of the bytes; it works in ``folder``."""

    name: str
    seeds: Callable[[], list[bytes]]
    kinds: tuple[Mutation, ...]
    check: Callable[[bytes, Path, random.Random], str]


@cache
def dicom_files() -> list[bytes]:
    """pydicom's small files of every kind."""
    folders = ("test_files", "charset_files", "test_files/dicomdirtests")
    paths = sorted(path for folder in folders for path in (PYDICOM / folder).iterdir() if path.is_file())
    contents = [path.read_bytes() for path in paths if 400 < path.stat().st_size < SMALL]
    return [content for content in contents if content[128:132] == b"DICM"]


@cache
def patients() -> list[bytes]:
    """The same with an identity planted, in elements that say so and in texts that repeat it."""
    found = []
    for content in dicom_files():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(content))
            if "SOPInstanceUID" not in dataset or "DirectoryRecordSequence" in dataset:
                continue
            for keyword, value in OWN.items():
                setattr(dataset, keyword, value)
            dataset.ImageComments = "Ms Kowalczyk, seen by Dr Okonkwo"
            dataset.StudyDescription = "CT of QX7-443-9921"
            item = Dataset()
            item.PatientName, item.PatientID = OWN["PatientName"], OWN["PatientID"]
            dataset.ReferencedPatientSequence = [item]
            buffer = io.BytesIO()
            try:
                dcmwrite(buffer, dataset, enforce_file_format=False)
            except headers.BROKEN:
                continue
        found.append(buffer.getvalue())
    return found


def _header(content: bytes, _folder: Path, _rng: random.Random) -> str:
    """Both readers of the index give the same."""
    found: list[object] = []
    for reader in (read_stream, read_with_pydicom):
        try:
            header = reader(io.BytesIO(content))
            found.append((header.values, header.transfer_syntax, header.media_class))
        except Unusable as problem:
            found.append(problem.code)
        except BROKEN as error:  # of pydicom alone: the index has turned it into a code
            if reader is read_stream:
                raise
            found.append(headers.NOT_DICOM if isinstance(error, InvalidDicomError) else headers.DAMAGED)
    assert found[0] == found[1]
    return found[0] if isinstance(found[0], str) else ""


REFUSED = {"file-damaged", "file-not-dicom", "file-dicomdir"}


@cache
def _deidentifier(profile: str) -> Deidentifier:
    return Deidentifier(compile_policy(PROFILES[profile]), NAMES, durable=False)


def _made(content: bytes, target: Path, profile: str) -> str:
    target.unlink(missing_ok=True)
    try:
        _deidentifier(profile).file(content, target)
    except OncofedError as refused:
        code = refused.code
    else:
        return ""
    assert code in REFUSED
    assert not target.exists()
    return code


def _deidentified(content: bytes, folder: Path, rng: random.Random) -> str:
    """The byte-level road equals the other one; what passes both and the verification names nobody."""
    profile = rng.choice(tuple(PROFILES))
    one, other, source = folder / "one.dcm", folder / "other.dcm", folder / "source.dcm"
    code = _made(content, one, profile)
    by_bytes, reading._well_formed = reading._well_formed, lambda _stream: None
    try:
        assert _made(content, other, profile) == code
    finally:
        reading._well_formed = by_bytes
    if code:
        return code
    assert one.read_bytes() == other.read_bytes()
    source.write_bytes(content)
    recipe = Recipe(_pseudonyms, profile)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            key = pydicom.dcmread(one).get("PatientID") or ""
            original = pydicom.dcmread(source, force=True)
        except BROKEN:  # the verification finds so too, and holds it back
            key, original = "", None
        (checked,) = check(Batch(str(key), recipe, (Job(1, source, one, judged=False),))).files
        if checked.code:
            return checked.code
        assert original is not None, "what nobody can read passed the verification"
        left = _left(one.read_bytes(), original)
    assert not left, left
    return ""


def _pseudonyms() -> Pseudonyms:
    return NAMES


def _left(content: bytes, source: Dataset) -> list[str]:
    """Names of attributes of which the source still says whose they are, and of which a string stands in the bytes."""
    lower = content.lower()
    found = []
    for keyword, texts in WRITTEN.items():
        try:
            said = str(source.get(keyword, ""))
        except headers.BROKEN:
            continue
        for text in texts:
            if text in re.split(r"[\^=\\ ]", said) and any(text.lower().encode(one) in lower for one in ENCODINGS):
                found.append(keyword)
    return found


def _verified(content: bytes, folder: Path, _rng: random.Random) -> str:
    """Whatever the source and the new file hold, the readers of the verification give findings."""
    path = folder / "file.dcm"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original = gather(pydicom.dcmread(io.BytesIO(dicom_files()[0])))
        search(path, original, Expected(-91))
        try:
            dataset = pydicom.dcmread(path, force=True, defer_size=1 << 20)
        except BROKEN:
            return "file-damaged"
        for element in walk(dataset):
            assert all(isinstance(text, str) for text in element.texts)
        gather(dataset)
        read(dataset)
        recipe = Recipe(_pseudonyms, "research")
        (checked,) = check(Batch("x", recipe, (Job(1, path, path, judged=False),))).files
    return checked.code


def _pixels(content: bytes, folder: Path, rng: random.Random) -> str:
    """Planning and masking give a plan, a mask, or ``Undecodable``."""
    try:
        opened = reading.read(io.BytesIO(content), with_pixels=False)
        reading.show_pixels(opened)
    except OncofedError as refused:
        return refused.code
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pixels.assess(opened.dataset)
            pixels.plan(opened.dataset, ocr=False)
            corner = pixels.Rectangle(*(rng.choice((-5, 0, 3, 70_000)) for _ in range(4)))
            plan = pixels.plan(opened.dataset, reviewed=[corner])
            pixels.apply(opened.dataset, plan, spool=folder)
            for _frame in pixels.frames.pictures(opened.dataset):
                break
        except pixels.Undecodable:
            return "pixels-undecodable"
    return ""


def _quality(content: bytes, folder: Path, _rng: random.Random) -> str:
    """The facts of an image and the judgement of its series."""
    path = folder / "image.dcm"
    path.write_bytes(content)
    found = read_instance(path, folder)
    if isinstance(found, Unreadable):
        return found.code
    assess([found])
    found.model_dump_json()
    return ""


def _dicomdir(content: bytes, folder: Path, _rng: random.Random) -> str:
    path = folder / "DICOMDIR"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        places = dicomdir.absent(path)
    assert all(code in (dicomdir.MISSING, dicomdir.OUTSIDE) for _, code in places)
    return "some absent" if places else ""


@cache
def _media() -> list[bytes]:
    return [path.read_bytes() for path in sorted((PYDICOM / "test_files" / "dicomdirtests").glob("DICOMDIR*"))]


@cache
def _archives() -> list[bytes]:
    member = dicom_files()[0]
    found = []
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as made:
            made.writestr("Kowalczyk/1.dcm", member)
            made.writestr("Kowalczyk/2.dcm", member[:3000])
        found.append(buffer.getvalue())
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode=mode, format=form) as made:  # type: ignore[call-overload]
                for number in range(2):
                    entry = tarfile.TarInfo(f"Kowalczyk/{'ż' * 60}/{number}.dcm")
                    entry.size = len(member)
                    made.addfile(entry, io.BytesIO(member))
            found.append(buffer.getvalue())
    return found


_LIMITS = archive.Limits(total=1 << 24, always=1 << 24, spare=0, members=10_000)


def _unpacked(content: bytes, folder: Path, _rng: random.Random) -> str:
    path, into = folder / "archive", folder / "into"
    path.write_bytes(content)
    members, code = archive.unpack(path, into, _LIMITS)
    assert code in ("", archive.BOMB, archive.DAMAGED, archive.LOCKED)
    written = sorted(into.iterdir()) if into.exists() else []
    assert sum(one.stat().st_size for one in written) <= _LIMITS.total
    assert {one.name for one in written} <= {str(member.number) for member in members}
    return code


_PLAN = b"""plan: oncofed/1
sources:
  - {folder: pictures}
  - {dicomweb: "https://pacs.example/dicom-web", query: {PatientID: A1}}
  - {pacs: "PACS@pacs.example:104", query: {StudyDate: 20200101-20201231}, own_title: ME, port: 11112}
run: made
project: one
profile: research
ocr: true
workers: 2
clinical: {mapping: eucanimage-uc1, source: clinical.csv}
dataset:
  id: small
  title: Small
  class: protected
  release: "1"
"""
_PROFILE = b"""name = "ours"
based_on = "research"
options = ["clean_descriptors", "retain_modified_dates"]
clean_pixels = true
words = ["axial", "thorax"]
age_cap = 80
date_shift_days = [-365, -30]
[overrides]
StudyDescription = "X"
"00081030" = "Z"
"""
_OPT_OUTS = "# who called\nP2\nP9\tnorth\nŻółć\tsüd\n\nP3\t\t\n".encode()


def _told(call: Callable[[], object], codes: frozenset[str]) -> str:
    """The code that a call ends with, one of these; "" where it ends well."""
    try:
        call()
    except OncofedError as error:
        code = error.code
    else:
        return ""
    assert code in codes
    return code


def _refusing(read_it: Callable[[Path], object], suffix: str, codes: frozenset[str]) -> Callable[..., str]:
    """A reader of a file that a person wrote: it reads it, or says with one of these codes what is wrong."""

    def checked(content: bytes, folder: Path, _rng: random.Random) -> str:
        path = folder / f"given{suffix}"
        path.write_bytes(content)
        return _told(lambda: read_it(path), codes)

    return checked


def _opted(path: Path) -> None:
    from datetime import UTC, datetime

    optouts.add(path.parent, path, NAMES, datetime.now(UTC))
    optouts.read(path.parent)


MAPPING = frozenset(
    ("mapping-invalid", "mapping-cycle", "mapping-unknown", "mapping-column-unknown", "mapping-relation-missing",
     "source-unreadable")
)  # fmt: skip


@cache
def _mappings() -> list[bytes]:
    from oncofed.prepare.mapping.loading import PRESETS

    header = b'mapping: oncofed/1\nname: tested\nversion: "1"\ntitle: Under test\npatient: pid\n'
    own = header + PATIENTS.encode() + _RULES
    return [own, own, own, *(path.read_bytes() for path in sorted(PRESETS.glob("*.yaml")))]


_RULES = b"""  cancer_condition:
    - {from: people, name: main, columns: {oncotree_code: {value: BREAST},
       age_at_diagnosis: {column: n, minimum: 0, cap: 90}}}
  observation:
    - from: people
      criterion: er
      when: [{column: n, present: true}]
      columns:
        value_code: {column: n, steps: {0: negative, 10: positive}}
  treatment:
    - from: people
      each: [{kind: surgery, day: a}, {kind: radiotherapy, day: b}]
      when: [{column: sex, in: [F, M]}]
      columns: {type: {value: "${kind}"}, start_offset_days: {column: "${day}", as: offset}}
index: [{relation: people, column: a}]
code_maps: {sex: {F: female, M: male}}
"""


def _spec(content: bytes, folder: Path, _rng: random.Random) -> str:
    """A mutated mapping over a sound source."""
    path, source = folder / "tested.yaml", folder / "source"
    path.write_bytes(content)
    if not source.exists():
        source.mkdir()
        write_csv(source, "people", "pid,sex,n,a,b\nA,F,1,2020-01-02,\nB,M,12,,x")
    if b"title: Under test" in content:
        return _told(lambda: map_data(path, source, folder / "out", dry_run=True), MAPPING)
    return _told(lambda: load_mapping(path), MAPPING)


def _source(suffix: str, preset: str) -> Callable[[bytes, Path, random.Random], str]:
    """A mutated source under a sound mapping."""

    def checked(content: bytes, folder: Path, _rng: random.Random) -> str:
        place = folder / f"people{suffix}"
        place.write_bytes(content)
        mapping: Path | str = preset
        if not preset:
            mapping = folder / "tested.yaml"
            mapping.write_bytes(_mappings()[0])
        return _told(lambda: map_data(mapping, place, folder / "out", dry_run=True), MAPPING)

    return checked


_PEOPLE = "pid,sex,n,a,b\n" + "".join(f"A{n},{'FM'[n % 2]},{n},2020-01-0{n % 9 + 1},x\n" for n in range(30))


@cache
def _csv() -> list[bytes]:
    marked = "\ufeff" + _PEOPLE.replace("A1", '"A\n1"')
    return [_PEOPLE.encode(), _PEOPLE.replace(",", ";").encode("utf-16"), marked.encode()]


@cache
def _excel() -> list[bytes]:
    workbook = openpyxl.Workbook()
    for line in _PEOPLE.splitlines():
        workbook.active.append(line.split(","))
    buffer = io.BytesIO()
    workbook.save(buffer)
    return [buffer.getvalue()]


@cache
def _databases() -> list[bytes]:
    import sqlite3
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.db")
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE people (pid, sex, n, a, b)")
        database.executemany("INSERT INTO people VALUES (?,?,?,?,?)", (row.split(",") for row in _PEOPLE.split()[1:]))
        database.commit()
        database.close()
        return [path.read_bytes()]


@cache
def _parquet() -> list[bytes]:
    import pyarrow.csv
    import pyarrow.parquet

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(io.BytesIO(_PEOPLE.encode())), buffer)
    return [buffer.getvalue()]


_FHIR = b"""{"resourceType": "Bundle", "type": "collection", "entry": [
{"resource": {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1950-01-02",
 "identifier": [{"system": "urn:x", "value": "A1"}], "extension": [{"url": "u", "valueCode": "F"}]}},
{"resource": {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
 "code": {"coding": [{"system": "http://snomed.info/sct", "code": "254837009", "display": "x"}]},
 "onsetDateTime": "2020-01-02", "stage": [{"summary": {"coding": [{"code": "IIA"}]}}]}},
{"resource": {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1"}, "status": "final",
 "code": {"coding": [{"system": "http://loinc.org", "code": "85337-4"}]}, "effectiveDateTime": "2020-02-03T10:11:12Z",
 "valueQuantity": {"value": 3.5, "unit": "ng/mL"},
 "component": [{"code": {"coding": [{"code": "x"}]}, "valueString": "y"}]}},
{"resource": {"resourceType": "Procedure", "id": "q1",
 "subject": {"reference": "urn:uuid:p1"}, "performedDateTime": "2020"}}
]}
"""


_EFORM = b"""[{"subjectName": "A1", "eForm": {"pages": [
 {"page_name": "inclusion_criteria",
  "page_data": {"age_at_baseline": {"value": 61}, "baseline_date": {"value": "2020-01-02"}}},
 {"page_name": "patient_data", "page_data": {"gender": {"value": "MALE"}, "several": {"value": ["a", "b"]}}}]}},
 {"subjectName": "A2", "eForm": {"pages": {"patient_data": {"gender": "FEMALE"}}}}
]
"""


def _received(content: bytes, folder: Path, _rng: random.Random) -> str:
    """Bytes from the network, instead of an association or within one: the listener goes on listening."""
    with scp.receiving(folder, scp.Listening(address="127.0.0.1", port=0, spare=0)) as receiver:
        _send(receiver.port, content)
        answer = _send(receiver.port, _conversation()[0])
        assert answer[:1] == b"\x02", "no association is accepted any more"
    return "" if receiver.received else "nothing"


def _send(port: int, content: bytes) -> bytes:
    """Send, the rest only after a whole request was answered; say that this was all, and read what is answered."""
    first = 6 + int.from_bytes(content[2:6]) if content[:1] == b"\1" else 0
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        answer = b""
        try:
            if 6 < first <= len(content):
                peer.sendall(content[:first])
                content = content[first:]
                answer = peer.recv(65_536)
            peer.sendall(content)
            peer.shutdown(socket.SHUT_WR)
            while part := peer.recv(65_536):
                answer += part
        except OSError:
            pass  # it hung up
        return answer


@cache
def _conversation() -> list[bytes]:
    """What a modality sends: the request for an association, one C-STORE, and the release (PS3.8 9.3)."""
    import struct

    def item(kind: int, value: bytes) -> bytes:
        return struct.pack(">BBH", kind, 0, len(value)) + value

    context = item(0x30, b"1.2.840.10008.5.1.4.1.1.2") + item(0x40, b"1.2.840.10008.1.2")
    user = item(0x51, struct.pack(">L", 16_384)) + item(0x52, b"1.2.3.4")
    body = struct.pack(">HH", 1, 0) + b"ONCOFED".ljust(16) + b"MODALITY".ljust(16) + bytes(32)
    body += item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, b"\1\0\0\0" + context) + item(0x50, user)
    asked = struct.pack(">BBL", 1, 0, len(body)) + body
    released = struct.pack(">BBL", 5, 0, 4) + bytes(4)

    def element(number: int, value: bytes) -> bytes:
        return struct.pack("<HHL", 0, number, len(value)) + value

    uid = b"1.2.826.0.1.3680043.10.999.1\0"[:28]
    rest = element(2, b"1.2.840.10008.5.1.4.1.1.2\0") + element(0x100, b"\1\0") + element(0x110, b"\7\0")
    rest += element(0x700, b"\0\0") + element(0x800, b"\1\0") + element(0x1000, uid)
    command = element(0, struct.pack("<L", len(rest))) + rest
    dataset = struct.pack("<HHL", 8, 0x18, len(uid)) + uid + struct.pack("<HHL", 0x10, 0x10, 10) + b"Kowalczyk "

    def data(control: int, value: bytes) -> bytes:
        pdv = struct.pack(">LBB", len(value) + 2, 1, control) + value
        return struct.pack(">BBL", 4, 0, len(pdv)) + pdv

    whole = asked + data(3, command) + data(2, dataset) + released
    return [whole]


_JSON = (*[mutations.json_changed] * 6, mutations.text_changed, *mutations.ANY)


def _carried_out(content: bytes, folder: Path, rng: random.Random) -> str:
    """A whole run over forty broken files and a good one: it goes on to its end, and the good one is released."""
    place = Path(tempfile.mkdtemp(dir=folder))
    source, node = place / "source", place / "node"
    a_file(source / "good.dcm", 1)
    (source / "0.dcm").write_bytes(content)
    for number in range(1, 40):
        made = mutations.mutated(rng.choice(patients()), rng, patients(), (*mutations.ANY, *mutations.DICOM))
        (source / f"{number}.dcm").write_bytes(made)
    plan = place / "plan.yaml"
    plan.write_text("plan: oncofed/1\nsources: [{folder: source}]\nocr: false\nworkers: 1\ndataset: {id: fuzzed}\n")
    around = Surroundings(Node(node, NAMES), _pseudonyms, SigningKey.generate())
    done = carry_out(read_plan(plan), around)
    assert done.released is not None
    with Run.open(done.run) as run:
        (good,) = (file for file in run.files() if file.place == "good.dcm")
        assert good.state == State.VERIFIED
        told = Counter({f"{what} {code}": number for what, code, number in run.not_released()})
        for file in run.files(State.VERIFIED):
            left = _left(file.target.read_bytes(), pydicom.dcmread(file.path, force=True))
            assert not left, (file.place, left)
    shutil.rmtree(place)
    return "" if not told else "some held back"


TARGETS = {
    target.name: target
    for target in (
        Target("header", dicom_files, (*mutations.ANY, *mutations.DICOM), _header),
        Target("deidentify", patients, (*mutations.ANY, *mutations.DICOM), _deidentified),
        Target("verify", dicom_files, (*mutations.ANY, *mutations.DICOM), _verified),
        Target("pixels", dicom_files, (*mutations.ANY, *mutations.DICOM), _pixels),
        Target("quality", dicom_files, (*mutations.ANY, *mutations.DICOM), _quality),
        Target("dicomdir", _media, (*mutations.ANY, *mutations.DICOM), _dicomdir),
        Target("archive", _archives, mutations.ANY, _unpacked),
        Target(
            "plan", lambda: [_PLAN], (mutations.yaml_changed, mutations.text_changed, mutations.flipped),
            _refusing(read_plan, ".yaml", frozenset(("prepare-plan-invalid",))),
        ),
        Target(
            "profile", lambda: [_PROFILE], (mutations.text_changed, mutations.flipped),
            _refusing(read_profile, ".toml", frozenset(("profile-invalid",))),
        ),
        Target(
            "opt-outs", lambda: [_OPT_OUTS], (mutations.text_changed, *mutations.ANY),
            _refusing(_opted, ".txt", frozenset(("source-unreadable",))),
        ),
        Target("mapping", _mappings, (*[mutations.yaml_changed] * 3, mutations.text_changed), _spec),
        Target("csv", _csv, (mutations.text_changed, *mutations.ANY), _source(".csv", "")),
        Target("excel", _excel, mutations.ANY, _source(".xlsx", "")),
        Target("sqlite", _databases, mutations.ANY, _source(".db", "")),
        Target("parquet", _parquet, mutations.ANY, _source(".parquet", "")),
        Target("fhir", lambda: [_FHIR], _JSON, _source(".json", "fhir-mcode")),
        Target(
            "eform", lambda: [_EFORM], _JSON, _source(".json", "chaimeleon-eform")
        ),
        Target("run", patients, (*mutations.ANY, *mutations.DICOM), _carried_out),
        Target("receiver", _conversation, mutations.ANY, _received),
    )
}  # fmt: skip
