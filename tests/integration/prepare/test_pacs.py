"""Images come from a real Orthanc and from DCMTK's storescu, and end in the same run as files of a folder."""

import hashlib
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pydicom.data
import pytest

from oncofed.contracts.errors import BadInput, Unreachable
from oncofed.prepare import fetching
from oncofed.prepare.parallel import Here
from oncofed.prepare.run import Run, State
from oncofed.prepare.sources import scp
from oncofed.prepare.sources.dicomweb import Archive
from oncofed.prepare.sources.pacs import Peer, find_studies
from oncofed.prepare.sources.scp import Listening, receiving
from tests.factories.orthanc import WEB_PLUGIN, Orthanc, free_port, orthanc, storescu
from tests.factories.source import a_file, a_patient, a_series

TEST_FILES = Path(pydicom.data.__file__).parent / "test_files"
COMPRESSED = ["JPEG2000.dcm", "MR_small_RLE.dcm", "JPGExtended.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle.dcm"]


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """An Orthanc with two patients and compressed images in it."""
    place = tmp_path_factory.mktemp("orthanc")
    files = [*a_series(place / "P1", 3), *a_patient(place, "P2", 2), *(TEST_FILES / name for name in COMPRESSED[:2])]
    with orthanc(place / "server") as made:
        made.upload(files)
        yield made


@pytest.fixture
def run(tmp_path: Path):
    with Run.create(tmp_path / "run") as made:
        yield made


def local(port: int = 0, **named) -> Listening:
    return Listening(address="127.0.0.1", port=port, spare=0, **named)


def pixels(path: Path) -> str:
    return hashlib.sha256(pydicom.dcmread(path).PixelData).hexdigest()


@pytest.mark.system_program("Orthanc")
def test_find_and_move(run: Run, pacs: Orthanc) -> None:
    peer = Peer.parse(pacs.peer)
    came = fetching.from_pacs(run, peer, {"PatientID": "P2"}, local(pacs.ours))
    assert came == (2, 0)
    assert fetching.from_pacs(run, peer, {"PatientID": "P2"}, local(pacs.ours)) == (0, 0)
    assert fetching.from_pacs(run, peer, {"StudyDate": "20200101-20201231"}, local(pacs.ours)) == (3, 0)
    fetching.scan_incoming(run, Here())
    assert {file.header["PatientID"] for file in run.files(State.INDEXED)} == {"P1", "P2"}


@pytest.mark.system_program("Orthanc")
def test_compressed_images_come_as_they_are_stored(run: Run, pacs: Orthanc) -> None:
    original = pydicom.dcmread(TEST_FILES / COMPRESSED[0])
    fetching.from_pacs(run, Peer.parse(pacs.peer), {"PatientID": original.PatientID}, local(pacs.ours))
    (path,) = run.incoming.rglob("*.dcm")
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
    assert pixels(path) == pixels(TEST_FILES / COMPRESSED[0])


@pytest.mark.system_program("Orthanc")
def test_what_cannot_be_found_or_moved(run: Run, pacs: Orthanc) -> None:
    peer = Peer.parse(pacs.peer)
    with pytest.raises(BadInput, match="no study matches"):
        fetching.from_pacs(run, peer, {"PatientID": "nobody"}, local(pacs.ours))
    with pytest.raises(BadInput, match="prepare-query-invalid"):
        find_studies(peer, {"PatientNumber": "1"})
    with pytest.raises(Unreachable, match="prepare-move-refused"):
        fetching.from_pacs(run, Peer.parse(pacs.peer, "UNKNOWN"), {"PatientID": "P2"}, local(title="UNKNOWN"))
    with pytest.raises(Unreachable, match="prepare-peer-silent"):
        find_studies(Peer("ORTHANC", "127.0.0.1", free_port()), {})


@pytest.mark.system_program("Orthanc")
@pytest.mark.skipif(not WEB_PLUGIN.exists(), reason="system program: Orthanc's plugin orthanc-dicomweb is missing")
def test_dicomweb(run: Run, pacs: Orthanc) -> None:
    archive = Archive(pacs.web)
    assert fetching.from_web(run, archive, {"PatientID": "P2"}) == 2
    assert fetching.from_web(run, archive, {}) == 5
    assert fetching.from_web(run, archive, {}) == 0
    fetching.scan_incoming(run, Here())
    assert run.number(State.INDEXED) == 7
    (path,) = (
        f.path
        for f in run.files(State.INDEXED)
        if f.header["PatientID"] == "CompressedSamples^NM1" or "NM" in f.header["Modality"]
    )
    assert pixels(path) == pixels(TEST_FILES / COMPRESSED[0])
    with pytest.raises(BadInput, match="no study matches"):
        fetching.from_web(run, archive, {"PatientID": "nobody"})
    with pytest.raises(BadInput, match="prepare-query-invalid"):
        fetching.from_web(run, Archive(f"{pacs.url}/nothing"), {})
    with pytest.raises(Unreachable, match="prepare-peer-silent"):
        fetching.from_web(run, Archive(f"http://127.0.0.1:{free_port()}/dicom-web"), {})


@pytest.mark.system_program("storescu")
def test_modalities_send_what_they_have(run: Run, tmp_path: Path) -> None:
    files = [*a_series(tmp_path / "P1", 3), *(TEST_FILES / name for name in COMPRESSED)]
    with receiving(run.incoming / "received", local()) as receiver:
        for file in files:
            sent = storescu(receiver.port, [file], "-xf", *_syntax_profile(tmp_path, file))
            assert sent.returncode == 0, sent.stderr
        assert (receiver.received, receiver.repeated, receiver.refused) == (len(files), 0, 0)
        assert storescu(receiver.port, files[:3], "-R").returncode == 0
        assert (receiver.received, receiver.repeated) == (len(files), 3)
    fetching.scan_incoming(run, Here())
    arrived = {file.header["SOPInstanceUID"]: file.path for file in run.files(State.INDEXED)}
    for file in files:
        dataset = pydicom.dcmread(file)
        assert pixels(arrived[dataset.SOPInstanceUID]) == pixels(file)


def _syntax_profile(place: Path, file: Path) -> tuple[str, str]:
    """A configuration of storescu that proposes the file's own class and transfer syntax."""
    dataset = pydicom.dcmread(file, stop_before_pixels=True)
    path = place / "storescu.cfg"
    path.write_text(
        f"""[[TransferSyntaxes]]
[own]
TransferSyntax1 = {dataset.file_meta.TransferSyntaxUID}
[[PresentationContexts]]
[contexts]
PresentationContext1 = {dataset.SOPClassUID}\\own
[[Profiles]]
[default]
PresentationContexts = contexts
"""
    )
    return str(path), "default"


@pytest.mark.system_program("storescu")
def test_a_full_disk_is_answered_and_the_sender_may_try_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = a_series(tmp_path / "P1", 2)
    usage = namedtuple("usage", "total used free")
    with receiving(run.incoming / "received", local()) as receiver:
        assert storescu(receiver.port, files[:1]).returncode == 0
        with monkeypatch.context() as full:
            full.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 0))
            sent = storescu(receiver.port, files[1:], "-v")
            assert "Refused: OutOfResources" in sent.stderr
        assert (receiver.received, receiver.refused) == (1, 1)
        assert len(list(run.incoming.rglob("*"))) == 3
        assert storescu(receiver.port, files[1:]).returncode == 0
        assert receiver.received == 2
    fetching.scan_incoming(run, Here())
    assert run.number(State.INDEXED) == 2


@pytest.mark.system_program("storescu")
def test_only_whom_it_was_told_may_send(run: Run, tmp_path: Path) -> None:
    files = a_series(tmp_path / "P1", 1)
    with receiving(run.incoming / "received", local(senders=("SCANNER",))) as receiver:
        assert storescu(receiver.port, files).returncode != 0
    with receiving(run.incoming / "received", local()) as receiver:
        assert storescu(receiver.port, files, called="OTHER").returncode != 0
        assert receiver.received == 0


@pytest.mark.system_program("storescu")
def test_another_content_under_the_same_identifier_is_a_conflict(run: Run, tmp_path: Path) -> None:
    with receiving(run.incoming / "received", local()) as receiver:
        storescu(receiver.port, [a_file(tmp_path / "a.dcm", 1)])
        storescu(receiver.port, [a_file(tmp_path / "b.dcm", 1, SeriesNumber=9)])
        assert receiver.received == 2
    fetching.scan_incoming(run, Here())
    assert run.counts()["quarantined"] == {"prepare-instance-conflict": 2}


def test_what_was_half_written_when_killed_is_swept(tmp_path: Path) -> None:
    folder = tmp_path / "received"
    (folder / "ab").mkdir(parents=True)
    (folder / "ab" / ".x.dcm.1.part").write_bytes(b"half")
    with receiving(folder, local()):
        assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with (
        receiving(tmp_path / "a", local()) as receiver,
        pytest.raises(Unreachable, match="prepare-port-taken"),
        receiving(tmp_path / "b", local(receiver.port)),
    ):
        pass


@pytest.mark.parametrize("text", ["", "A@b", "A@:1", "@b:1", "A@b:x", "A" * 17 + "@b:1", "A@b:99999"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadInput, match="prepare-peer-invalid"):
        Peer.parse(text)


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scp.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        scp.keep(tmp_path, "1.2.3", b"content")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
