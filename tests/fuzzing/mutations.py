"""Mutations of files, from a seeded source of randomness: of any bytes, of DICOM elements, and of text."""

import copy
import json
import random
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pydicom
import yaml
from pydicom.dataelem import RawDataElement
from pydicom.uid import DeflatedExplicitVRLittleEndian

LENGTHS = (0, 1, 3, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
VRS = (
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV XX"
).split()
CHARSETS = (
    b"", b"ISO_IR 100", b"ISO_IR 192", b"ISO_IR 13", b"GB18030", b"GBK", b"\\ISO 2022 IR 87",
    b"ISO 2022 IR 13\\ISO 2022 IR 87",
    b"ISO_IR 144", b"ISO_IR 999", b"\\\\\\", b"\xff\xfe", b"ISO 2022 IR 149",
)  # fmt: skip
LONG = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))

Mutation = Callable[[bytes, random.Random, list[bytes]], bytes]


def flipped(content: bytes, rng: random.Random, _others: list[bytes]) -> bytes:
    """Some bits turned, most of them in the header."""
    made = bytearray(content)
    for _ in range(rng.randint(1, 12)):
        place = rng.randrange(min(len(made), rng.choice((600, 4000, len(made)))))
        made[place] ^= 1 << rng.randrange(8)
    return bytes(made)


def overwritten(content: bytes, rng: random.Random, _others: list[bytes]) -> bytes:
    """A few bytes replaced by others that mean something to a parser."""
    made = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        piece = rng.choice(
            (b"\xff" * 4, b"SQ\0\0\xff\xff\xff\xff", b"UN\0\0\xff\xff\xff\xff", b"\xfe\xff\x00\xe0",
             b"\xfe\xff\xdd\xe0",
             b"\0" * 8, b"\xe0\x7f\x10\x00", b"\x10\x00\x20\x00", b"\x08\x00\x05\x00CS", b"\x1b$B", rng.randbytes(8))
        )  # fmt: skip
        place = rng.randrange(min(len(made), 6000))
        made[place : place + len(piece)] = piece
    return bytes(made)


def truncated(content: bytes, rng: random.Random, _others: list[bytes]) -> bytes:
    """The front of it."""
    return content[: rng.randrange(1, len(content))]


def spliced(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """A piece of another file put in, over what stood there or between it."""
    other = rng.choice(others)
    begin = rng.randrange(len(other))
    piece = other[begin : begin + rng.choice((8, 64, 512, 4096))]
    place = rng.randrange(len(content))
    return content[:place] + piece + content[place + rng.choice((0, len(piece))) :]


def repeated(content: bytes, rng: random.Random, _others: list[bytes]) -> bytes:
    """A piece of it twice, or not at all."""
    begin = rng.randrange(len(content))
    end = min(len(content), begin + rng.choice((2, 8, 64, 512)))
    return content[:end] + content[begin:] if rng.random() < 0.5 else content[:begin] + content[end:]


ANY: tuple[Mutation, ...] = (flipped, overwritten, truncated, spliced, repeated)


class Elements:
    """The top-level elements of a DICOM file as pieces of bytes; joined again, they are the file."""

    def __init__(self, content: bytes) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(BytesIO(content), force=True)
        self.implicit, self.little = bool(dataset.original_encoding[0]), dataset.original_encoding[1] is not False
        self.deflated = dataset.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
        ends: list[tuple[int, int]] = []
        for tag in sorted(dataset.keys()):
            element = dataset.get_item(tag)
            if isinstance(element, RawDataElement) and not self.deflated:
                wide = not self.implicit and element.VR in LONG
                ends.append((element.value_tell - (12 if wide else 8), element.tag))
        ends.sort()
        self.head = content[: ends[0][0]] if ends else content
        starts = [start for start, _ in ends]
        self.pieces = [content[a:b] for a, b in zip(starts, [*starts[1:], len(content)], strict=True)] if ends else []

    @property
    def content(self) -> bytes:
        return self.head + b"".join(self.pieces)

    def header(self, tag: int, vr: bytes, length: int) -> bytes:
        order = "<" if self.little else ">"
        begin = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
        if self.implicit:
            return begin + struct.pack(order + "L", length)
        if vr.decode("ascii", "replace") in LONG:
            return begin + vr + b"\0\0" + struct.pack(order + "L", length)
        return begin + vr + struct.pack(order + "H", min(length, 0xFFFF))


def _on_elements(change: Callable[[Elements, random.Random], None]) -> Mutation:
    """A mutation of elements; other files stay as they are."""

    def mutation(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
        try:
            elements = Elements(content)
        except Exception:  # noqa: BLE001 (it was mutated before: whatever pydicom raises, it has no elements)
            return flipped(content, rng, others)
        if not elements.pieces:
            return flipped(content, rng, others)
        change(elements, rng)
        return elements.content

    mutation.__name__ = change.__name__
    return mutation


def _some(elements: Elements, rng: random.Random) -> int:
    return rng.randrange(len(elements.pieces))


@_on_elements
def length_changed(elements: Elements, rng: random.Random) -> None:
    at = _some(elements, rng)
    piece = bytearray(elements.pieces[at])
    order = "<" if elements.little else ">"
    length = rng.choice(LENGTHS)
    if not elements.implicit and piece[4:6].decode("ascii", "replace") not in LONG:
        piece[6:8] = struct.pack(order + "H", length & 0xFFFF)
    else:
        start = 4 if elements.implicit else 8
        piece[start : start + 4] = struct.pack(order + "L", length)
    elements.pieces[at] = bytes(piece)


@_on_elements
def vr_changed(elements: Elements, rng: random.Random) -> None:
    at = _some(elements, rng)
    if not elements.implicit:
        piece = elements.pieces[at]
        elements.pieces[at] = piece[:4] + rng.choice(VRS) + piece[6:]


@_on_elements
def doubled(elements: Elements, rng: random.Random) -> None:
    at = _some(elements, rng)
    elements.pieces.insert(rng.choice((at, _some(elements, rng))), elements.pieces[at])


@_on_elements
def removed(elements: Elements, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 3)):
        if elements.pieces:
            del elements.pieces[_some(elements, rng)]


@_on_elements
def reordered(elements: Elements, rng: random.Random) -> None:
    at, other = _some(elements, rng), _some(elements, rng)
    elements.pieces[at], elements.pieces[other] = elements.pieces[other], elements.pieces[at]


@_on_elements
def nested(elements: Elements, rng: random.Random) -> None:
    """An element deep inside sequences of sequences, of defined or undefined length."""
    at = _some(elements, rng)
    inner = elements.pieces[at]
    order = "<" if elements.little else ">"
    open_end = rng.random() < 0.5
    for _ in range(rng.choice((1, 2, 50, 70, 200))):
        size = 0xFFFFFFFF if open_end else len(inner)
        inner = struct.pack(order + "HHL", 0xFFFE, 0xE000, size) + inner
        if open_end:
            inner += struct.pack(order + "HHL", 0xFFFE, 0xE00D, 0)
        size = 0xFFFFFFFF if open_end else len(inner)
        inner = elements.header(0x00081115, b"SQ", size) + inner
        if open_end:
            inner += struct.pack(order + "HHL", 0xFFFE, 0xE0DD, 0)
    elements.pieces[at:at] = [inner]


@_on_elements
def charset_changed(elements: Elements, rng: random.Random) -> None:
    name = rng.choice(CHARSETS)
    name += b" " * (len(name) % 2)
    piece = elements.header(0x00080005, b"CS", len(name)) + name
    own = struct.pack(("<" if elements.little else ">") + "HH", 8, 5)
    elements.pieces = [piece, *(one for one in elements.pieces if not one.startswith(own))]


@_on_elements
def group_lengths(elements: Elements, rng: random.Random) -> None:
    """Group lengths, right or wrong, before some groups."""
    order = "<" if elements.little else ">"
    tag = struct.unpack(order + "HH", elements.pieces[_some(elements, rng)][:4])[0] << 16
    value = struct.pack(order + "L", rng.choice(LENGTHS))
    elements.pieces.insert(_some(elements, rng), elements.header(tag, b"UL", 4) + value)


@_on_elements
def value_changed(elements: Elements, rng: random.Random) -> None:
    """Another value of the right length in the right place: numbers, texts, escapes."""
    at = _some(elements, rng)
    tag_bytes, vr = elements.pieces[at][:4], elements.pieces[at][4:6]
    order = "<" if elements.little else ">"
    group, number = struct.unpack(order + "HH", tag_bytes)
    value = rng.choice(
        (b"", b"\\\\\\\\", b"1\\2\\3\\", b"1e400", b"-1", b"99999999999999999999", b"nan ", b"20201399", b"../../..",
         b"\x1b$B\x1b",
         b"\xff\xfe", b"\0" * 4, b"A" * 70_000, b"1.2.840.10008.1.2.1.99", b"=^=^=", rng.randbytes(6))
    )  # fmt: skip
    value += b" " * (len(value) % 2)
    elements.pieces[at] = elements.header(group << 16 | number, vr, len(value)) + value


@_on_elements
def deflated(elements: Elements, rng: random.Random) -> None:
    """The dataset deflated (and perhaps cut), the meta information as it was: the two may contradict each other."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(b"".join(elements.pieces)) + packer.flush()
    elements.pieces = [packed[: rng.choice((len(packed), rng.randrange(len(packed) + 1)))]]
    plain, named = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"
    at = elements.head.find(plain)
    if at > 0:
        size = struct.unpack("<L", elements.head[140:144])[0] + 2
        head = elements.head[: at - 2] + struct.pack("<H", len(named)) + named + elements.head[at + len(plain) :]
        elements.head = head[:140] + struct.pack("<L", size) + head[144:]


@_on_elements
def without_meta(elements: Elements, rng: random.Random) -> None:
    elements.head = rng.choice((b"", b"\0" * 128 + b"DICM", elements.head[:132]))


DICOM: tuple[Mutation, ...] = (
    length_changed, vr_changed, doubled, removed, reordered, nested, charset_changed, group_lengths, value_changed,
    deflated, without_meta,
)  # fmt: skip


def text_changed(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """A line of a text removed, doubled, moved, indented or with a token of another meaning."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(rng.randrange(len(lines)), lines[at])
    elif kind == 2:
        other = rng.choice(others).split(b"\n")
        lines.insert(at, rng.choice(other))
    elif kind == 3:
        lines[at] = rng.choice((b"  ", b"", b"\t", b"- ")) + lines[at].lstrip()
    else:
        token = rng.choice(
            (b"!!int x", b"!!timestamp 2020", b"2020-99-99", b"[" * 3000, b"{a: ", b"&a [*a]", b"null", b"1e999", b"~",
             b"9" * 5000,
             b"!!map [1]", b"{[]: 1}", b"? [a]", b'"', b"\x00", b"\xff", b"<<: [1]", b"-0", b"!!binary x", b"0b",
             b"1:99:99",
             b"${x}", b"*", b"'; DROP TABLE x", b'{"a": [', b"@", b"NaN", b"Infinity", b"\\u0000", b"\xef\xbb\xbf")
        )  # fmt: skip
        words = lines[at].split(b" ")
        words[rng.randrange(len(words))] = token
        lines[at] = b" ".join(words)
    return b"\n".join(lines)


def _tree_changed(load: Callable[[str], Any], dump: Callable[[Any], str]) -> Mutation:
    """Values, keys and whole branches of a document changed for others: it stays one that can be read."""

    def tree_changed(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
        try:
            tree = load(content.decode())
        except Exception:  # noqa: BLE001 (it was mutated before: it is no document any more)
            return flipped(content, rng, others)
        for _ in range(rng.randint(1, 3)):
            places = list(_places(tree))
            if places:
                _change(rng.choice(places), rng.choice(places), rng)
        return dump(tree).encode("utf-8", "surrogatepass")

    return tree_changed


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(pairs):
        yield tree, key
        yield from _places(value)


def _change(place: tuple[Any, Any], other: tuple[Any, Any], rng: random.Random) -> None:
    container, key = place
    kind = rng.randrange(4)
    if kind == 0:
        del container[key]
    elif kind == 1:
        taken, there = other
        if (isinstance(taken, dict) and there in taken) or (isinstance(taken, list) and there < len(taken)):
            container[key] = copy.deepcopy(taken[there])
    elif kind == 2 and isinstance(container, dict):
        names = ("from", "each", "column", "value", "first", "as", "x", "resourceType", "", "\ud800")
        container[rng.choice(names)] = container.pop(key)
    else:
        container[key] = rng.choice(
            (None, True, -1, 0, 1e300, 10**400, "", "A" * 5000, [], {}, [None], [[[]]], {"a": {}}, "2020-02-30",
             "people",
             "'; --", "${kind}", "\0", "\udc80", "A1", "offset", "Patient/p1", [1, "a", {}], {"": ""})
        )  # fmt: skip


json_changed = _tree_changed(json.loads, json.dumps)
yaml_changed = _tree_changed(yaml.safe_load, lambda tree: yaml.safe_dump(tree, allow_unicode=False, sort_keys=False))


def mutated(content: bytes, rng: random.Random, others: list[bytes], kinds: tuple[Mutation, ...]) -> bytes:
    """One to three mutations on top of each other; never nothing."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        if len(content) > 1:
            content = rng.choice(kinds)(content, rng, others)
    return content or b"\0"
