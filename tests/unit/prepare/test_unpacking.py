"""Archives are unpacked without trusting a name, a size or a promise in them."""

import io
import os
import random
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from oncofed.contracts.errors import OncofedError
from oncofed.imaging.headers import read_header
from oncofed.prepare import unpacking
from oncofed.prepare.progress import Silent
from oncofed.prepare.run import Run, State
from oncofed.prepare.scan import scan
from oncofed.prepare.sources.archive import Limits, Member, unpack
from tests.factories.source import a_file, a_patient, a_series
from tests.unit.prepare.test_scan import codes, states

DICOM = b"\0" * 128 + b"DICM" + b"\0" * 400


def zipped(archive: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return archive


def packed(folder: Path, archive: Path, kind: str) -> Path:
    """All of a folder as one archive, which replaces it."""
    shutil.make_archive(str(archive), kind, folder)
    shutil.rmtree(folder)
    return archive


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "bztar", "xztar"])
def test_every_kind_of_archive(run: Run, folder: Path, tmp_path: Path, kind: str) -> None:
    a_series(tmp_path / "loose", 3)
    (tmp_path / "loose" / "letter.txt").write_text("Dear colleague")
    packed(tmp_path / "loose", folder / "exam", kind)
    scan(run, folder)
    assert states(run) == {"indexed": 3, "skipped": 2}
    assert codes(run) == {"file-archive": 1, "file-not-dicom": 1}
    (archive,) = folder.iterdir()
    assert {file.place for file in run.files(State.INDEXED)} == {
        f"{archive.name}!{prefix}00{n}.dcm" for n in (1, 2, 3) for prefix in ("" if kind == "zip" else "./",)
    }
    assert {read_header(file.path)["PatientID"] for file in run.files(State.INDEXED)} == {"P1"}
    assert scan(run, folder).headers == 0


def test_archives_in_archives_to_a_depth(run: Run, folder: Path, tmp_path: Path) -> None:
    inner = a_file(tmp_path / "one.dcm").read_bytes()
    for depth in range(5):
        inner = zipped(tmp_path / f"{depth}.zip", {f"member-{depth}": inner}).read_bytes()
    (folder / "deep.zip").write_bytes(inner)
    a_series(folder / "loose", 2, PatientID="P1")
    scan(run, folder)
    assert codes(run) == {"file-archive": 3, "prepare-archive-nested": 1}
    assert run.counts()["quarantined"] == {"prepare-archive-nested": 1}


def test_an_archive_that_changes_or_goes(run: Run, folder: Path, tmp_path: Path) -> None:
    a_patient(tmp_path / "loose", "P2", 3)
    packed(tmp_path / "loose", folder / "exam", "zip")
    a_series(folder / "other", 1)
    scan(run, folder)
    unpacked = next(iter(run.files(State.INDEXED, where="f.container <> 0"))).path
    a_patient(tmp_path / "loose", "P3", 1)
    packed(tmp_path / "loose", folder / "exam", "zip")
    os.utime(folder / "exam.zip", (1, 1))
    scan(run, folder)
    assert {file.header["PatientID"] for file in run.files(State.INDEXED)} == {"P1", "P3"}
    (folder / "exam.zip").unlink()
    scan(run, folder)
    assert {file.header["PatientID"] for file in run.files(State.INDEXED)} == {"P1"}
    assert not unpacked.parent.exists()


def test_names_that_lead_outside_are_no_paths(run: Run, folder: Path, tmp_path: Path) -> None:
    names = ["../up.dcm", "/etc/absolute.dcm", "a/../../up.dcm", "..\\up.dcm", "C:\\windows\\up.dcm"]
    zipped(folder / "evil.zip", dict.fromkeys(names, DICOM))
    with tarfile.open(folder / "evil.tar", "w") as made:
        for name in names[:2]:
            entry = tarfile.TarInfo(name)
            entry.size = len(DICOM)
            made.addfile(entry, io.BytesIO(DICOM))
    a_series(folder / "fine", 1)
    before = sorted(tmp_path.iterdir())
    scan(run, folder)
    assert run.counts()["quarantined"] == {"prepare-archive-path": 7}
    assert sorted(tmp_path.iterdir()) == before
    assert [path for path in run.incoming.rglob("*") if path.is_file()] == []


def test_links_and_devices_are_not_made(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(folder / "evil.tar", "w") as made:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("device", tarfile.CHRTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            made.addfile(entry)
    with zipfile.ZipFile(folder / "evil.zip", "w") as made:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
    for archive in folder.iterdir():
        members, code = unpack(archive, tmp_path / "out")
        assert not code
        assert {member.code for member in members} == {"prepare-file-special"}
        assert list((tmp_path / "out").iterdir()) == []


def test_a_bomb_is_given_up_whole(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "bomb.zip", {"fine": DICOM, "bomb": DICOM + b"\0" * 5_000_000})
    limits = Limits(times=10, always=10_000)
    assert unpack(bomb, tmp_path / "out", limits) == ([], "prepare-archive-bomb")
    assert not (tmp_path / "out").exists()
    members, code = unpack(bomb, tmp_path / "out", Limits())
    assert (len(members), code) == (2, "")


def test_a_bomb_of_members(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "bomb.zip", {str(n): b"" for n in range(20)})
    assert unpack(bomb, tmp_path / "out", Limits(members=19)) == ([], "prepare-archive-bomb")


def test_a_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    """The directory of the archive says one byte; the data say 5 million."""
    bomb = zipped(tmp_path / "bomb.zip", {"bomb": DICOM + b"\0" * 5_000_000})
    content = bytearray(bomb.read_bytes())
    real = (len(DICOM) + 5_000_000).to_bytes(4, "little")
    while real in content:
        at = content.index(real)
        content[at : at + 4] = (1).to_bytes(4, "little")
    bomb.write_bytes(content)
    members, code = unpack(bomb, tmp_path / "out", Limits(times=10, always=10_000))
    assert code in ("prepare-archive-bomb", "prepare-archive-damaged") or [m.size for m in members] == [1]


def test_space_is_left_on_the_disk(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a": DICOM})
    assert unpack(archive, tmp_path / "out", Limits(spare=1 << 60))[1] == "prepare-archive-bomb"


def test_damaged_and_locked_archives_are_held_back(run: Run, folder: Path) -> None:
    whole = zipped(folder / "whole.zip", {"a": os.urandom(3_000)}).read_bytes()
    (folder / "half.zip").write_bytes(whole[:1_500])
    (folder / "half.tgz").write_bytes(b"\x1f\x8b" + b"\x08" * 600)
    locked = bytearray(whole)
    for magic in (b"PK\x03\x04", b"PK\x01\x02"):
        at = locked.index(magic)
        locked[at + (6 if magic[2] == 3 else 8)] |= 1  # the flag of encryption
    (folder / "locked.zip").write_bytes(locked)
    a_series(folder / "fine", 1)
    scan(run, folder)
    assert run.counts()["quarantined"] == {"prepare-archive-damaged": 2, "prepare-archive-locked": 1}


def test_a_full_disk_stops_the_stage_and_changes_nothing(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipped(folder / "a.zip", {"a": DICOM})

    def full(*_: object) -> tuple[list[Member], str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpacking, "unpack", full)
    with pytest.raises(OncofedError, match="disk-full"):
        scan(run, folder)
    assert states(run) == {"found": 1}
    monkeypatch.undo()
    unpacking.unpack_all(run, Silent())
    assert run.counts()["skipped"] == {"file-archive": 1}


@pytest.mark.parametrize("kind", ["bztar", "xztar", "gztar", "zip"])
def test_an_archive_that_is_damaged_inside(run: Run, folder: Path, tmp_path: Path, kind: str) -> None:
    """Each library says it in its own way, some as an error of the operating system without a number."""
    a_series(tmp_path / "loose", 3)
    packed(tmp_path / "loose", folder / "exam", kind)
    (archive,) = folder.iterdir()
    content = bytearray(archive.read_bytes())
    content[len(content) // 4 : len(content) // 2] = b"\xaa" * (len(content) // 2 - len(content) // 4)
    archive.write_bytes(content)
    a_series(folder / "other", 1)
    scan(run, folder)
    assert run.counts()["quarantined"] == {"prepare-archive-damaged": 1}


@pytest.mark.parametrize("kind", ["tar", "gztar", "bztar", "xztar"])
def test_no_member_is_lost_in_silence(tmp_path: Path, kind: str) -> None:
    """The tarfile module stops without a word at a header that it cannot read."""
    a_series(tmp_path / "loose", 5)
    archive = Path(shutil.make_archive(str(tmp_path / "exam"), kind, tmp_path / "loose"))
    whole = archive.read_bytes()
    assert len(unpack(archive, tmp_path / "into")[0]) == 5
    draw = random.Random(kind)
    for _ in range(40):
        at = draw.randrange(len(whole))
        damage = draw.randbytes(draw.choice((1, 8, 200)))
        archive.write_bytes(whole[:at] + damage + whole[at + len(damage) :])
        members, code = unpack(archive, tmp_path / "into")
        assert code or len(members) == 5, at
    for at in range(len(whole) // 2, len(whole) * 9 // 10, len(whole) // 37):
        archive.write_bytes(whole[:at])
        members, code = unpack(archive, tmp_path / "into")
        assert code or len(members) == 5, at


def test_an_archive_that_may_no_longer_be_read(tmp_path: Path) -> None:
    assert unpack(tmp_path / "gone.zip", tmp_path / "into") == ([], "file-unreadable")
