"""Decoders of compressed pixels. GDCM, which ends its process on some damaged images, works in a process of its own.

Who decodes gets ``get_decoder`` and ``iter_pixels`` from here: then pydicom knows GDCM only as it runs there, and after
all decoders that need no such care. An image that ends GDCM's process is one that no decoder reads (``RuntimeError``).
"""

import atexit
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import threading
from typing import Any, BinaryIO

from pydicom.pixels.decoders import base, gdcm
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID

__all__ = ["get_decoder", "iter_pixels"]

DECODER_DEPENDENCIES = gdcm.DECODER_DEPENDENCIES
is_available = gdcm.is_available

_NAMES = (
    "bits_allocated", "bits_stored", "columns", "jls_precision", "j2k_precision", "number_of_frames",
    "photometric_interpretation", "pixel_keyword", "pixel_representation", "planar_configuration", "rows",
    "samples_per_pixel",
)  # fmt: skip
"""What of a runner GDCM looks at, or changes."""
_SECONDS = 120
_MEMORY = 4 << 30
"""What one frame may take before its decoder is given up."""
_length = struct.Struct("<Q")


class _Apart:
    """The process in which GDCM works, started when it is first needed and again after it ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def decode(self, source: bytes, asked: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
        """A decoded frame and what GDCM changed of the runner; ``RuntimeError`` where it cannot."""
        with self._lock:
            process = self._running()
            try:
                _put(process.stdin, asked, source)
                told, frame = _got(process.stdout)
            except (OSError, EOFError):
                self.close()
                raise RuntimeError("the decoder broke down") from None
        if "error" in told:
            raise RuntimeError(told["error"])
        return frame, told

    def _running(self) -> Any:
        if self._process is None or self._owner != os.getpid():  # a fork must not speak with its parent's
            command = [sys.executable, "-c", "from oncofed.imaging.codecs import serve; serve()"]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            self._owner = os.getpid()
        return self._process

    def close(self) -> None:
        """End it."""
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.communicate()
        self._process = None


_apart = _Apart()
atexit.register(_apart.close)


def decode_apart(source: bytes, runner: DecodeRunner) -> bytes:
    """The decoding plugin of pydicom."""
    asked = {name: value for name in _NAMES if (value := runner.get_option(name)) is not None}
    frame, changed = _apart.decode(bytes(source), asked | {"syntax": str(runner.transfer_syntax)})
    for name, value in changed.items():
        if value != asked.get(name):
            runner.set_option(name, value)
    return frame


def serve() -> None:
    """Decode what comes over standard input until it ends; one frame takes no more than it may."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _answer_all(sys.stdin.buffer, sys.stdout.buffer)


def _answer_all(given: BinaryIO, answers: BinaryIO) -> None:
    while True:
        try:
            asked, source = _got(given)
        except EOFError:
            return
        signal.alarm(_SECONDS)
        _put(answers, *_decoded(asked, source))
        signal.alarm(0)


def _decoded(asked: dict[str, Any], source: bytes) -> tuple[dict[str, Any], bytes]:
    runner = DecodeRunner(UID(asked.pop("syntax")))
    runner.set_options(**asked)
    try:
        frame = gdcm._decode_frame(source, runner)
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, MemoryError) as error:
        return {"error": type(error).__name__}, b""
    return {name: value for name in _NAMES if (value := runner.get_option(name)) is not None}, frame


def _put(stream: Any, about: dict[str, Any], content: bytes) -> None:
    head = json.dumps(about).encode()
    stream.write(_length.pack(len(head)) + head + _length.pack(len(content)))
    stream.write(content)
    stream.flush()


def _got(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    return json.loads(_part(stream)), _part(stream)


def _part(stream: BinaryIO) -> bytes:
    (length,) = _length.unpack(_exactly(stream, _length.size))
    return _exactly(stream, length)


def _exactly(stream: BinaryIO, length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


def _register() -> None:
    """Have pydicom use GDCM in its own process, and last."""
    for syntax in DECODER_DEPENDENCIES:
        decoder: base.Decoder = get_decoder(syntax)
        if "gdcm" in decoder.available_plugins:
            decoder.remove_plugin("gdcm")
            decoder.add_plugin("gdcm-apart", (__name__, "decode_apart"))


_register()
