"""Where the hub says it can be reached, and the static files it gives."""

import asyncio
import gzip
from pathlib import Path

import pytest

from oncofed.hub.core.static import StaticFiles
from oncofed.hub.server import Listening


@pytest.mark.parametrize(
    ("host", "certificate", "url"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:80"),
        ("0.0.0.0", None, "http://127.0.0.1:80"),
        ("::1", None, "http://[::1]:80"),
        ("hub.example", Path("c.pem"), "https://hub.example:80"),
    ],
)
def test_the_address_as_seen_from_here(host: str, certificate: Path | None, url: str):
    assert Listening(host=host, port=80, certificate=certificate).url == url


def fetch(files: StaticFiles, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    scope = {
        "path": path,
        "method": method,
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(files(scope, receive, send))
    names = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], names, sent[1]["body"]


def test_static_files(tmp_path: Path):
    (tmp_path / "a.0123456789ab.css").write_text("body {}" * 99)
    (tmp_path / "a.0123456789ab.css.gz").write_bytes(gzip.compress(b"body {}" * 99))
    (tmp_path / "b.css").write_text("p {}")
    files = StaticFiles(tmp_path, "/static/")
    status, headers, body = fetch(files, "/static/b.css")
    assert (status, body) == (200, b"p {}")
    assert headers["cache-control"] == "max-age=3600, public"
    assert headers["x-content-type-options"] == "nosniff"
    status, headers, body = fetch(files, "/static/a.0123456789ab.css", accept_encoding="gzip")
    assert (gzip.decompress(body), headers["content-encoding"]) == (b"body {}" * 99, "gzip")
    assert "immutable" in headers["cache-control"]
    assert fetch(files, "/static/b.css", "HEAD")[2] == b""
    assert fetch(files, "/static/../secret")[0] == 404
    assert fetch(files, "/static/b.css", "POST")[0] == 404
    assert fetch(StaticFiles(tmp_path / "none", "/static/"), "/static/b.css")[0] == 404
