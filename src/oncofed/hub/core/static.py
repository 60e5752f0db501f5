"""Static files by WhiteNoise, beside Django: its middleware would make every request pass through a thread."""

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from whitenoise import WhiteNoise

Message = MutableMapping[str, Any]


class StaticFiles:
    """Serves the collected files of ``root`` under ``prefix``: compressed, with ETags, hashed names for ever."""

    def __init__(self, root: Path, prefix: str) -> None:
        self._root, self._prefix = root, prefix
        self._files: WhiteNoise | None = None

    def _found(self) -> WhiteNoise:
        """The files as they are at the first request (they are collected before the hub serves)."""
        if self._files is None:
            self._files = WhiteNoise(_nothing, max_age=3600, immutable_file_test=r"^.+\.[0-9a-f]{12}\..+$")
            if self._root.is_dir():
                self._files.add_files(str(self._root), prefix=self._prefix)
        return self._files

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """One file, or 404."""
        file = self._found().files.get(scope["path"])
        if file is None or scope["method"] not in {"GET", "HEAD"}:
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"no such file"})
            return
        environment = {f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}": value.decode("latin-1")
                       for name, value in scope["headers"]}  # fmt: skip
        response = file.get_response(scope["method"], environment)
        headers = [(name.lower().encode("latin-1"), str(value).encode("latin-1")) for name, value in response.headers]
        headers.append((b"x-content-type-options", b"nosniff"))
        body = b""
        if response.file is not None:
            with response.file:
                body = response.file.read()
        await send({"type": "http.response.start", "status": int(response.status), "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _nothing(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """The WSGI application WhiteNoise wants to stand before; never called."""
    raise NotImplementedError
