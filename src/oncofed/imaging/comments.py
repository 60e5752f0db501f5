"""What a codec keeps beside the image: comments and application segments of JPEG, JPEG-LS and JPEG 2000 streams."""

import re
from collections.abc import Iterator

_BEGIN = re.compile(rb"\xff\xd8(?=\xff)|\xff\x4f(?=\xff\x51)")
"""Start of an image (T.81 B.1.1.3), of a codestream (T.800 A.4)."""
_COMMENTS = frozenset({0xFE, 0x64, 0xE1, *range(0xE3, 0xF0)})
"""COM of JPEG and of JPEG 2000, APP1 (EXIF, XMP) and APP3 to APP15. APP0 says the size, APP2 the colours."""
_IMAGE = frozenset({0xDA, 0x90, 0xD9})
"""Here the image begins, or ends: SOS, SOT, EOI."""
_MARKER = 0xFF


def comments(content: bytes) -> Iterator[bytes]:
    """The comments of each compressed image that begins in these bytes, as far as they reach."""
    for begin in _BEGIN.finditer(content):
        at = begin.end()
        while at + 4 <= len(content) and content[at] == _MARKER and content[at + 1] not in _IMAGE:
            length = int.from_bytes(content[at + 2 : at + 4])
            if length < 2:
                break
            if content[at + 1] in _COMMENTS:
                yield content[at + 4 : at + 2 + length]
            at += 2 + length
