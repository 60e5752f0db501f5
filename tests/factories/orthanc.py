"""A real Orthanc on loopback ports with a configuration and a storage of its own, and DCMTK's programs beside it."""

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

WEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
TITLE = "ORTHANC"


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Orthanc:
    """Where it listens, and the port at which it believes our receiver to be (title ONCOFED)."""

    http: int
    dicom: int
    ours: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def web(self) -> str:
        return f"{self.url}/dicom-web"

    @property
    def peer(self) -> str:
        return f"{TITLE}@127.0.0.1:{self.dicom}"

    def upload(self, files: Iterable[Path]) -> None:
        with httpx.Client() as client:
            for file in files:
                client.post(f"{self.url}/instances", content=file.read_bytes()).raise_for_status()


@contextlib.contextmanager
def orthanc(directory: Path) -> Iterator[Orthanc]:
    """Run until the block ends."""
    one = Orthanc(free_port(), free_port(), free_port())
    settings = {
        "Name": "test",
        "StorageDirectory": str(directory / "storage"),
        "IndexDirectory": str(directory / "index"),
        "Plugins": [str(WEB_PLUGIN)] if WEB_PLUGIN.exists() else [],
        "HttpPort": one.http,
        "DicomPort": one.dicom,
        "DicomAet": TITLE,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True,
        "DicomModalities": {"us": ["ONCOFED", "127.0.0.1", one.ours]},
    }
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "orthanc.json").write_text(json.dumps(settings))
    with (directory / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(["Orthanc", str(directory / "orthanc.json")], stdout=log, stderr=log)
        try:
            _await(one, process)
            yield one
        finally:
            process.terminate()
            process.wait(20)


def _await(one: Orthanc, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{one.url}/system").is_success:
                return
        time.sleep(0.1)
    raise RuntimeError("Orthanc did not start")


def storescu(
    port: int, files: Iterable[Path], *options: str, called: str = "ONCOFED"
) -> subprocess.CompletedProcess[str]:
    """Send files with DCMTK."""
    return subprocess.run(
        ["storescu", "-aet", "MODALITY", "-aec", called, *options, "127.0.0.1", str(port), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=120,
    )
