"""Everything that can be wrong with a hospital's folder, all at once, through the command that data managers type.

Each bad thing has a code, an entry in the list for the data manager and a line in the report; the run goes on and
releases what is good; and the planted names stand nowhere but in what is private.
"""

import contextlib
import ctypes
import io
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pydicom
import pytest
from pydicom.charset import convert_encodings

from oncofed.cli.main import main
from oncofed.contracts.codes import CODES
from oncofed.imaging.headers import read_header
from oncofed.node import enrolment
from oncofed.prepare.run import Run, State
from tests.factories.bad import CHARSET_FILES, DEEP, HELD, LEFT, NAME, NUMBER, PLACES, TAKEN, bad_folder, named
from tests.factories.mapping import write_csv, write_mapping
from tests.factories.source import a_series

PRIVATE = ("journal.sqlite", "index.parquet", "quarantine.tsv", "review.tsv", "incoming", "lock")
"""What of a run's directory may name patients; all other files may leave the hospital."""
TYPED = """
import sys
from oncofed.prepare.sources.archive import Limits
Limits.__init__.__defaults__ = (1 << 40, 100, 1 << 20, 1000, 1 << 20)  # else a bomb must be of a gigabyte
from oncofed.cli.main import main
main(sys.argv[1:])
"""
_DROP_FROM_BOUNDING_SET, _OVERRIDE, _READ_SEARCH = 24, 1, 2  # prctl(2), capabilities(7)


def _without_root_rights() -> None:
    """Root reads what nobody may read; what root starts after this does not."""
    library = ctypes.CDLL(None)
    for capability in (_OVERRIDE, _READ_SEARCH):
        library.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)


@dataclass(frozen=True)
class Carried:
    """What a run left behind, and what it and other commands printed."""

    run: Path
    node: Path
    printed: str
    again: dict[str, Any]
    waiting: list[dict[str, Any]]
    statuses: list[int]


def carry_out(plan: Path, node: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", TYPED, "prepare", "run", str(plan), "--data-dir", str(node), *more],
        capture_output=True,
        text=True,
        preexec_fn=_without_root_rights,
        check=False,
    )


def told(*arguments: object) -> str:
    """What a command that only reads prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
        main([str(one) for one in arguments])
    return out.getvalue()


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Carried:
    place = tmp_path_factory.mktemp("bad")
    source, node, run = place / "source", place / "node", place / "run"
    source.mkdir()
    bad_folder(source)
    enrolment.init(node, title="Hospital", country="IT")
    plan = place / "plan.yaml"
    plan.write_text("plan: oncofed/1\nsources: [{folder: source}]\nrun: run\nworkers: 1\ndataset: {id: bad}\n")
    first, second = carry_out(plan, node), carry_out(plan, node, "--json")
    waiting = told("prepare", "review", "--run", run, "--json")
    shown = [
        told("prepare", command, "--run", run, *form) for command in ("status", "review") for form in ((), ("--json",))
    ]
    printed = "".join((first.stdout, first.stderr, second.stdout, second.stderr, waiting, *shown))
    assert second.stdout, printed
    statuses = [first.returncode, second.returncode]
    return Carried(run, node, printed, json.loads(second.stdout), json.loads(waiting)["waiting"], statuses)


def codes_of(run: Path) -> dict[str, set[str]]:
    """Every place of the source with its codes, without archives around it."""
    found: dict[str, set[str]] = {}
    with Run.open(run) as opened:
        for file in opened.files():
            found.setdefault(file.place, set()).add(file.code)
        for code, places in opened.notes().items():
            for place in places:
                found.setdefault(place, set()).add(code)
    return found


def test_the_run_goes_on_and_releases_what_is_good(carried: Carried) -> None:
    assert carried.statuses == [0, 0], carried.printed
    with Run.open(carried.run) as run:
        released = {file.place for file in run.files(State.VERIFIED)}
    expected = {f"good/00{n}.dcm" for n in (1, 2, 3)} | {f"{named(kind)}.dcm" for kind in TAKEN}
    expected |= {f"charsets/{path.name}" for path in CHARSET_FILES}
    expected.add(f"{named('packed')}.tar.gz!{NAME} 52/1.dcm")
    assert released == expected
    assert len(list((carried.node / "images" / "bad" / "1").rglob("*.dcm"))) == len(expected)


@pytest.mark.parametrize("kind", [*HELD, *LEFT, *PLACES])
def test_each_has_a_code(carried: Carried, kind: str) -> None:
    code = (HELD | LEFT | PLACES)[kind]
    found = [codes for place, codes in codes_of(carried.run).items() if named(kind).removesuffix(".zip") in place]
    assert any(code in codes for codes in found), found


@pytest.mark.parametrize("kind", [*HELD, *LEFT, *PLACES])
def test_each_is_in_the_list_for_the_data_manager(carried: Carried, kind: str) -> None:
    """By its whole name, so that the file can be found; in a file that only they may read."""
    code = (HELD | LEFT | PLACES)[kind]
    what = "held back" if kind in HELD else "left out" if kind in LEFT else "no file"
    listed = carried.run / "quarantine.tsv"
    assert listed.stat().st_mode & 0o077 == 0
    rows = [line.split("\t") for line in listed.read_text().splitlines()]
    assert any(row[1:3] == [what, code] and named(kind).removesuffix(".zip") in row[3] for row in rows), rows


def test_each_is_a_line_of_the_report_and_a_number_of_the_certificate(carried: Carried) -> None:
    with Run.open(carried.run) as run:
        expected = Counter({(what, code): number for what, code, number in run.not_released()})
    assert {code for _, code in expected} >= {*HELD.values(), *LEFT.values(), *PLACES.values()}
    told = json.loads((carried.run / "report.json").read_text())["not_released"]
    assert Counter({(one["what"], one["code"]): one["number"] for one in told}) == expected
    files = json.loads((carried.run / "certificate.json").read_text())["statement"]["files"]
    signed = {
        (what, code): number
        for what, key in (("held back", "held_back"), ("left out", "left_out"), ("no file", "no_file"))
        for code, number in files[key].items()
    }
    assert Counter(signed) == expected
    for page in ("report.html", "certificate.html"):
        text = (carried.run / page).read_text().lower()
        for _, code in expected:
            assert code in text
            assert CODES[code].title.lower() in text
    for _, code in expected:
        assert code in carried.printed


def test_nothing_that_identifies_is_printed_or_written_where_others_read(carried: Carried) -> None:
    assert_clean("what is printed", carried.printed.encode())
    written = [
        path
        for path in carried.run.rglob("*")
        if path.relative_to(carried.run).parts[0].partition("-")[0] not in PRIVATE
    ]
    written += list(carried.node.rglob("*"))
    looked = 0
    for path in written:
        assert_clean("a name", str(path.relative_to(carried.run.parent)).encode())
        if path.is_file():
            looked += 1
            assert_clean(path.name, path.read_bytes())
            if path.suffix == ".parquet":
                assert_clean(path.name, str(pq.read_table(path).to_pylist()).encode())
    assert looked > 60


def assert_clean(where: str, content: bytes) -> None:
    lower = content.lower()
    for text in (NAME, NUMBER, DEEP):
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            assert text.lower().encode(encoding) not in lower, (where, text)


def pairs(carried: Carried) -> list[tuple[str, Path, Path]]:
    """Place, source and de-identified file of all that is released."""
    with Run.open(carried.run) as run:
        return [(file.place, file.path, file.target) for file in run.files(State.VERIFIED) if file.target]


@pytest.mark.filterwarnings("ignore::UserWarning")  # what pydicom says of its own odd files
@pytest.mark.parametrize("kind", TAKEN)
def test_what_is_bent_but_understood_comes_out_whole(carried: Carried, kind: str) -> None:
    ((source, target),) = [(a, b) for place, a, b in pairs(carried) if place == f"{named(kind)}.dcm"]
    before, after = pydicom.dcmread(source, force=True), pydicom.dcmread(target)
    for element in after.iterall():
        assert element.tag.element, "a group length"
    assert after.PatientID
    if kind == "without-meta":
        before.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    assert (after.pixel_array == before.pixel_array).all()
    assert after.PatientIdentityRemoved == "YES"
    assert (after.Rows, after.Modality) == (16, "CT")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_character_set_comes_out_clean_and_readable(carried: Carried) -> None:
    seen = 0
    for place, source, target in pairs(carried):
        if not place.startswith("charsets/"):
            continue
        seen += 1
        content, header = target.read_bytes(), read_header(source)
        named_ = pydicom.dcmread(source).get("PatientName")
        encodings = convert_encodings(header["SpecificCharacterSet"].split("\\"))
        for word in (
            []
            if named_ is None
            else [word for group in named_.components for word in group.split("^") if len(word) > 2]
        ):
            for encoding in {*encodings, "utf-8", "utf-16-le", "latin-1"}:
                written = word.encode(encoding, "ignore").strip(b"\x1b$()BJI")
                assert len(written) < 4 or written not in content, (place, encoding)
        assert read_header(target)["PatientID"]
        for element in pydicom.dcmread(target).iterall():
            assert element.value is not NotImplemented
    assert seen == len(CHARSET_FILES)


def test_nobodys_pictures_are_mixed(carried: Carried) -> None:
    """Each released file is of a patient of its own: no pseudonym stands for two people, no person for two."""
    of: dict[str, set[str]] = {}
    for _, source, target in pairs(carried):
        header = read_header(source)
        of.setdefault(read_header(target)["PatientID"], set()).add(header["PatientID"] or header["StudyInstanceUID"])
    assert all(len(people) == 1 for people in of.values())
    groups = {code: [one["files"] for one in carried.waiting if one["code"] == code] for code in HELD.values()}
    assert groups["prepare-patient-shared-id"] == [2]
    assert groups["prepare-patient-two-ids"] == [1, 1]


def test_again_nothing_is_left_to_do(carried: Carried) -> None:
    assert carried.again["release"]["already"]
    assert carried.again["files"]["quarantined"] == dict(sorted(Counter(HELD.values()).items()))


SOURCE = "source:\n  format: csv\n  relations:\n    people: {file: people.csv}\n"
FAULTS = {
    "cycle": ("extends: tested.yaml\n", "mapping-cycle", "tested.yaml extends tested.yaml"),
    "cycle of relations": (
        SOURCE.replace("{file: people.csv}", "{row_of: b}\n    b: {row_of: people}"),
        "mapping-cycle", "relation people is"),
    "unknown column": (
        SOURCE + "tables: {patient: [{from: people, columns: {birth_sex: {column: sxe, vocabulary: sex}}}]}\n",
        "mapping-column-unknown", "no column “sxe”; did you mean “sex”"),
    "unknown target": (
        SOURCE + "tables: {patient: [{from: people, columns: {birth_sexe: sex}}]}\n",
        "mapping-invalid", "no column “birth_sexe”"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_mapping_is_told_at_once_and_the_images_go_on(
    name: str, tmp_path: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its code, its line in the report and its entry among what is held back; nothing of the table is printed, and
    nothing is released without it.
    """
    text, code, words = FAULTS[name]
    a_series(tmp_path / "source", 1)
    write_csv(tmp_path, "people", f"pid,sex\n{NUMBER}1,{NAME}")
    write_mapping(
        tmp_path, text if "tables" in text or "extends" in text else text + "tables: {patient: [{from: people}]}\n"
    )
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "plan: oncofed/1\nsources: [{folder: source}]\nrun: run\nworkers: 1\n"
        "clinical: {mapping: tested.yaml, source: people.csv}\ndataset: {id: tested}\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["prepare", "run", str(plan), "--data-dir", str(data_dir)])
    told_first, printed = (
        capsys.readouterr().err,
        json.loads(told("prepare", "status", "--run", tmp_path / "run", "--json")),
    )
    assert ended.value.code == CODES[code].exit_status == 2
    assert told_first.startswith("The clinical data are not mapped: ")
    assert words in told_first
    assert_clean("what is printed", told_first.encode())
    assert printed["unmapped"] == {code: 1}
    assert printed["files"] == {"verified": {"": 1}}
    assert "release" not in printed["stages"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert CODES[code].title in page.lower()
    assert "The clinical data are not mapped; no release is made without them" in page
    assert "Nothing stands against release" not in page
    (line,) = [one for one in (tmp_path / "run" / "quarantine.tsv").read_text().splitlines() if code in one]
    assert line.startswith(f"\tunmapped\t{code}\t")
    assert words in line
    if name == "unknown column":
        write_mapping(tmp_path, text.replace("sxe", "sex"))
        with contextlib.suppress(SystemExit):
            main(["prepare", "run", str(plan), "--data-dir", str(data_dir)])
        out = "".join(capsys.readouterr())
        assert "Release 1 of tested is made" in out
        assert "unmapped" not in out + (tmp_path / "run" / "quarantine.tsv").read_text()
        assert_clean("what is printed", out.encode())
