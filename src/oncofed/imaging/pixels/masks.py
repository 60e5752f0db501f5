"""Blanking rectangles of every frame without touching another pixel.

Pixels that are not compressed: the bytes inside the rectangles change, no other. Compressed without loss (RLE, JPEG-LS,
JPEG 2000): each frame is decoded, blanked and compressed again in the same transfer syntax. Compressed with loss: the
decoded values are kept as they are in a lossless syntax of the same family, or in JPEG 2000 (RLE for YBR_FULL) where it
has none; that the image has been through a lossy step stays said (Lossy Image Compression, PS3.3 C.7.6.1.1.5). Every
compressed frame is decoded again and compared; one that differs makes the whole object uncompressed. Pixels of more
than ``BIG`` bytes go through a temporary file: memory is that of a few frames.
"""

import io
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, uid
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, itemize_fragment
from pydicom.pixels.encoders.base import get_encoder
from pydicom.pixels.processing import apply_color_lut

from oncofed.imaging.codecs import get_decoder
from oncofed.imaging.elements import BROKEN
from oncofed.imaging.pixels.frames import BIG, Layout, Undecodable, layout, opened, stored, syntax
from oncofed.imaging.pixels.rectangles import Rectangle, pixels_in
from oncofed.imaging.pixels.risk import number, words

Frame = NDArray[Any]
Inside = Callable[[int], NDArray[np.bool_]]

LOSSLESS = {
    uid.RLELossless: uid.RLELossless,
    uid.JPEG2000Lossless: uid.JPEG2000Lossless,
    uid.JPEGLSLossless: uid.JPEGLSLossless,
    uid.JPEGLSNearLossless: uid.JPEGLSLossless,
}
"""In which syntax masked frames of a compressed syntax are written; all others become JPEG 2000 Lossless."""

LOSSY = frozenset(
    (
        uid.JPEGBaseline8Bit,
        uid.JPEGExtended12Bit,
        uid.JPEGLSNearLossless,
        uid.JPEG2000,
        uid.HTJ2K,
    )
)
_MAX_BITS = 16
_FORM = ("photometric_interpretation", "bits_allocated", "bits_stored", "pixel_representation")
_YBR_BLACK = (0, 128, 128)


def blank(dataset: Dataset, rectangles: Iterable[Rectangle], *, spool: Path | None = None) -> bool:
    """Blank the rectangles on all frames, in place; True when there was a pixel to blank.

    ``spool``: where the temporary file of large pixels is made; it is gone when the dataset is.

    Raises:
        Undecodable: the pixels cannot be read; the dataset is as it was.
    """
    shape = layout(dataset)
    inside = pixels_in(rectangles, shape.columns, shape.rows)
    if not inside.any():
        return False
    blank_pixels(dataset, lambda _: inside, spool=spool)
    return True


def blank_pixels(dataset: Dataset, inside: Inside, *, spool: Path | None = None) -> None:
    """Blank pixels of any shape, in place: ``inside`` says for each frame, from 0, which (rows, columns).

    Raises:
        Undecodable: the pixels cannot be read; the dataset is as it was.
    """
    shape = layout(dataset)
    if syntax(dataset).is_encapsulated:
        _blank_compressed(dataset, inside, spool)
    else:
        _blank_native(dataset, shape, inside, spool)


def clear_unused_bits(dataset: Dataset) -> bool:
    """Give the bits of each sample that the image does not use the value of its sign, in place; True when one changed.

    Overlays of before 2004 lie there, and stay there when their header is removed. Compressed pixels keep no such bits
    but for RLE, which is left as it is.

    Raises:
        Undecodable: the pixels are not as the header says.
    """
    shape = layout(dataset)
    used, high = number(dataset, "BitsStored"), number(dataset, "HighBit")
    if syntax(dataset).is_encapsulated or not 0 < used < shape.bits or high + 1 < used:
        return False
    source, sink = opened(dataset), _sink(shape.frame_bytes * shape.frames, None)
    vr, changed = str(dataset["PixelData"].VR), False
    signed = words(dataset, "PixelRepresentation")[:1] == ("1",)
    used_bits = ((1 << used) - 1) << (high + 1 - used)
    above = ((1 << shape.bits) - 1) ^ ((1 << (high + 1)) - 1)
    while data := source.read(shape.frame_bytes):
        whole = len(data) // (shape.bits // 8) * (shape.bits // 8)
        samples = np.frombuffer(data[:whole], shape.dtype).astype(shape.dtype.newbyteorder("="))
        kept = samples & used_bits
        if signed:
            kept = np.where(kept >> high & 1, kept | above, kept)
        changed = changed or not np.array_equal(kept, samples)
        sink.write(kept.astype(shape.dtype).tobytes() + data[whole:])
    if changed:
        _set_pixels(dataset, sink, vr)
    else:
        sink.close()
    return changed


def _sink(size: int, spool: Path | None) -> BinaryIO:
    if size <= BIG:
        return io.BytesIO()
    return cast(BinaryIO, tempfile.TemporaryFile(dir=spool))  # closed with the dataset


def _set_pixels(dataset: Dataset, sink: BinaryIO, vr: str) -> None:
    value: Any = sink
    if isinstance(sink, io.BytesIO):
        value = sink.getvalue()
    else:
        sink.seek(0)
    dataset.add_new("PixelData", vr, value)


# ---- not compressed --------------------------------------------------------------------------------------------------


def _blank_native(dataset: Dataset, shape: Layout, inside: Inside, spool: Path | None) -> None:
    vr = str(dataset["PixelData"].VR)
    swapped = shape.big_endian and shape.bits == 8 and vr == "OW"
    if swapped and shape.frame_bytes % 2 and shape.frames > 1:
        raise Undecodable("odd frames of bytes in words")
    source, sink = opened(dataset), _sink(shape.frame_bytes * shape.frames, spool)
    black = _black(dataset, shape.photometric)
    for place in range(shape.frames):
        wanted = shape.frame_bytes + (shape.frame_bytes % 2 if swapped else 0)
        data = source.read(wanted)
        if len(data) < shape.frame_bytes:
            sink.close()
            raise Undecodable("fewer bytes than frames")
        blanked = _blanked(_swapped(data, swapped), shape, inside(place), black)
        sink.write(_swapped(blanked, swapped))
    if sink.tell() % 2:
        sink.write(b"\0")
    _set_pixels(dataset, sink, vr)


def _swapped(data: bytes, swapped: bool) -> bytes:
    return np.frombuffer(data, "u2").byteswap().tobytes() if swapped and len(data) % 2 == 0 else data


def _blanked(data: bytes, shape: Layout, inside: NDArray[np.bool_], black: Callable[[Frame], Any]) -> bytes:
    """The bytes of one frame with the pixels inside made black."""
    samples = np.frombuffer(bytearray(data), shape.dtype, count=shape.frame_bytes * 8 // shape.bits)
    rest = data[shape.frame_bytes :]
    if shape.halved:
        pairs = samples.reshape(shape.rows, shape.columns // 2, 4)
        pairs[inside.reshape(shape.rows, -1, 2).any(axis=2)] = (0, 0, 128, 128)
    elif shape.planar:
        planes = samples.reshape(shape.samples, shape.rows, shape.columns)
        planes[:, inside] = np.reshape(black(planes), (-1, 1))
    else:
        frame = samples.reshape((shape.rows, shape.columns, shape.samples)[: 2 + (shape.samples > 1)])
        frame[inside] = black(frame)
    return samples.tobytes() + rest


def _black(dataset: Dataset, photometric: str) -> Callable[[Frame], Any]:
    """What black is, given the samples of a frame: a value within the frame's range, so that no scale changes."""
    if photometric.startswith(("YBR_F", "YBR_P")):
        return lambda _: np.array(_YBR_BLACK)
    if photometric == "PALETTE COLOR":
        darkest = _darkest_entry(dataset)
        return lambda _: darkest
    if not photometric.startswith("MONOCHROME"):
        return lambda _: np.zeros(3, dtype=int)
    signed = words(dataset, "PixelRepresentation")[:1] == ("1",)
    return lambda frame: _extreme(frame, largest=photometric == "MONOCHROME1", signed=signed)


def _extreme(frame: Frame, *, largest: bool, signed: bool) -> Any:
    """The sample of the frame that is shown darkest, in the frame's own type."""
    seen = frame.view(frame.dtype.str.replace("u", "i")) if signed else frame
    place = int(seen.argmax() if largest else seen.argmin())
    return frame.reshape(-1)[place]


def _darkest_entry(dataset: Dataset) -> int:
    """The index of the palette whose colour is darkest; 0 where the palette cannot be read."""
    entries = np.arange(1 << min(number(dataset, "BitsAllocated"), _MAX_BITS), dtype=np.uint16)
    try:
        colours = apply_color_lut(entries.reshape(1, -1), dataset)
    except BROKEN:
        return 0
    return int(colours[0].astype(np.int64).sum(axis=1).argmin())


# ---- compressed ------------------------------------------------------------------------------------------------------


def _blank_compressed(dataset: Dataset, inside: Inside, spool: Path | None) -> None:
    """Frame by frame into the lossless syntax of its kind; all of it uncompressed where that loses something."""
    before = syntax(dataset)
    size = _size(dataset)
    for target in (_lossless(dataset, before), uid.ExplicitVRLittleEndian):
        sink = _sink(size, spool)
        properties = _write_frames(_blank_frames(dataset, inside), target, sink)
        if properties is not None:
            break
        sink.close()
    if properties is None:
        raise Undecodable("no frame")
    if before in LOSSY:
        dataset.LossyImageCompression = "01"
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            del dataset[keyword]
    _describe(dataset, target, properties)
    _set_pixels(dataset, sink, "OB" if target.is_encapsulated or number(dataset, "BitsAllocated") == 8 else "OW")
    dataset["PixelData"].is_undefined_length = target.is_encapsulated


def _lossless(dataset: Dataset, before: uid.UID) -> uid.UID:
    """The syntax of its kind; for lossy colours kept apart from brightness RLE, as an ultrasound image needs."""
    apart = words(dataset, "PhotometricInterpretation")[:1] in (("YBR_FULL",), ("YBR_FULL_422",))
    return LOSSLESS.get(before, uid.RLELossless if apart else uid.JPEG2000Lossless)


def _written(photometric: str, target: uid.UID) -> str:
    """What the colours are called in the target syntax: JPEG 2000 makes brightness and differences of RGB by itself."""
    return "YBR_RCT" if target == uid.JPEG2000Lossless and photometric == "RGB" else photometric


def _size(dataset: Dataset) -> int:
    shape = layout(dataset)
    return shape.frame_bytes * shape.frames


def _blank_frames(dataset: Dataset, inside: Inside) -> Iterator[tuple[Frame, dict[str, Any]]]:
    count = 0
    for frame, properties in stored(dataset):
        chosen = inside(count)
        count += 1
        if frame.shape[:2] != chosen.shape:
            raise Undecodable("frame of another size")
        colours = str(properties["photometric_interpretation"])
        if colours.endswith("_422"):  # decoders give every pixel its own colour
            colours = "YBR_FULL"
        blanked = frame.copy()
        blanked[chosen] = _black(dataset, colours)(blanked)
        yield blanked, properties | {"photometric_interpretation": colours}
    if count != layout(dataset).frames:
        raise Undecodable("not as many frames as the header says")


def _write_frames(
    frames: Iterator[tuple[Frame, dict[str, Any]]], target: uid.UID, sink: BinaryIO
) -> dict[str, Any] | None:
    """The frames in the target syntax, and the properties of the last; None where one is not what it was."""
    properties: dict[str, Any] | None = None
    if target.is_encapsulated:
        sink.write(itemize_fragment(b""))  # an empty offset table: one fragment is one frame
    for frame, properties in frames:
        if not target.is_encapsulated:
            sink.write(np.ascontiguousarray(frame, frame.dtype.newbyteorder("<")).tobytes())
            continue
        encoded = _encoded(frame, properties, target)
        if encoded is None:
            return None
        sink.write(itemize_fragment(encoded))
    if sink.tell() % 2:
        sink.write(b"\0")
    return properties


def _encoded(frame: Frame, properties: dict[str, Any], target: uid.UID) -> bytes | None:
    """The frame in the target syntax, padded to even length; None where there is no encoder or it lost something."""
    form = {name: properties[name] for name in _FORM}
    form |= {"rows": frame.shape[0], "columns": frame.shape[1], "number_of_frames": 1}
    form["photometric_interpretation"] = _written(form["photometric_interpretation"], target)
    form["samples_per_pixel"] = frame.shape[2] if frame.ndim == 3 else 1
    if frame.ndim == 3:
        form["planar_configuration"] = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            encoded = get_encoder(target).encode(
                np.ascontiguousarray(frame), encoding_plugin=_encoder(frame, target), **form
            )
            alone = _alone(encoded, form, target)
            again, _ = get_decoder(target).as_array(alone, raw=True, index=0)
    except (*BROKEN, RuntimeError):
        return None
    return encoded + b"\0" * (len(encoded) % 2) if np.array_equal(again, frame) else None


def _encoder(frame: Frame, target: uid.UID) -> str:
    """Which of pydicom's encoders to use, "" for any: GDCM ends the whole process on RLE frames of an odd length."""
    return "pydicom" if target == uid.RLELossless and frame.nbytes % 2 else ""


def _alone(encoded: bytes, form: dict[str, Any], target: uid.UID) -> Dataset:
    """A dataset of nothing but this one frame, to decode it as a reader would."""
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = target
    _describe(one, target, form)
    one.Rows, one.Columns, one.NumberOfFrames = form["rows"], form["columns"], 1
    one.BitsStored = form["bits_stored"]
    one.SamplesPerPixel, one.PixelRepresentation = form["samples_per_pixel"], form["pixel_representation"]
    one.PixelData = encapsulate([encoded])
    return one


def _describe(dataset: Dataset, target: uid.UID, properties: dict[str, Any]) -> None:
    """What the header must say of the frames as they are now."""
    dataset.file_meta.TransferSyntaxUID = target
    dataset.PhotometricInterpretation = _written(str(properties["photometric_interpretation"]), target)
    if dataset.get("BitsAllocated") != properties["bits_allocated"]:  # a stream of fewer bits than the header says
        dataset.BitsAllocated, dataset.BitsStored = properties["bits_allocated"], properties["bits_stored"]
        dataset.HighBit = dataset.BitsStored - 1
    if properties["samples_per_pixel"] > 1:
        dataset.PlanarConfiguration = int(target == uid.RLELossless)
