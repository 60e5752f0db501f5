"""Small pictures for the report: one slice of a series, only where the file itself says that it is de-identified."""

import base64
import io
import itertools
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_windowing

from oncofed.imaging import nifti, volumes
from oncofed.imaging.codecs import iter_pixels
from oncofed.imaging.elements import BROKEN
from oncofed.imaging.headers import Unusable
from oncofed.imaging.pixels.risk import Level, assess
from oncofed.imaging.quality.instance import number, text
from oncofed.imaging.quality.series import SeriesQuality
from oncofed.prepare.checks.findings import Thumbnail
from oncofed.prepare.checks.spool import Spool

MAX_THUMBNAILS = 24
MAX_TRIED = 10 * MAX_THUMBNAILS
"""Files opened at the most: where none may be shown, not all are tried."""
SIDE = 144
"""Longest side in pixels."""
CLEAN_PIXEL_DATA = "113101"
LEAST_SIDE = 48
"""Smaller images show nothing worth looking at."""
_SHOWN = frozenset({"CT", "MR", "PT", "NM", "MG", "DX", "CR", "US", "XA", "RF", "SM"})
_NEGATIVE = frozenset({"PT", "NM"})
"""Shown dark on white, as nuclear medicine is read."""


def thumbnails(root: Path, spool: Spool) -> Iterator[Thumbnail]:
    """At most ``MAX_THUMBNAILS`` pictures, of as many modalities and patients as there are."""
    shown = 0
    for one in itertools.islice(filter(_worth_showing, spool.spread(sorted(_SHOWN))), MAX_TRIED):
        if shown == MAX_THUMBNAILS:
            return
        if (picture := _picture(root / one.example)) is not None:
            shown += 1
            yield Thumbnail(
                series=one.series,
                caption=f"{one.modality}, {one.instances} {'image' if one.instances == 1 else 'images'}",
                png=base64.b64encode(_png(picture)).decode(),
                width=picture.width,
                height=picture.height,
            )


def _worth_showing(one: SeriesQuality) -> bool:
    return one.deidentified and min(one.rows or 0, one.columns or 0) >= LEAST_SIDE


def _picture(path: Path) -> Image.Image | None:
    """The middle frame, windowed, at most ``SIDE`` pixels; None where it cannot be shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if nifti.is_named_nifti(path.name):
                return _slice_of_volume(path)
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            if not may_be_shown(dataset):
                return None
            middle = max(int(dataset.get("NumberOfFrames") or 1), 1) // 2
            frame = next(iter(iter_pixels(path, indices=[middle])))
            picture = Image.fromarray(_bytes(frame, dataset))
        except (*BROKEN, RuntimeError, StopIteration, Unusable):
            return None
    picture.thumbnail((SIDE, SIDE))
    return picture


def _slice_of_volume(path: Path) -> Image.Image | None:
    """The middle slice of a NIfTI volume; None where it may not be shown."""
    pair = volumes.read_pair(path)
    if not may_be_shown(pair.dataset) or volumes.may_show_text(pair):
        return None
    (frame,) = nifti.frames(path, [pair.header.n_frames // 2])
    _, directions = next(volumes.planes(pair.header), ((), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)))
    turned = frame[:: _step(directions[3:]), :: _step(directions[:3])]
    picture = Image.fromarray(_bytes(_windowed(turned, pair), _of_modality(pair.dataset)))
    picture.thumbnail((SIDE, SIDE))
    return picture


def _windowed(frame: Any, pair: volumes.Pair) -> Any:
    """Numbers of a volume in the modality's units, between the ends of the window that its header names."""
    if pair.header.coloured:
        return frame[..., :3]
    slope, intercept = pair.header.scale
    values = np.nan_to_num(frame * slope + intercept)
    center, width = (number(pair.dataset, keyword) for keyword in ("WindowCenter", "WindowWidth"))
    if center is None or not width or width < 0 or text(pair.dataset, "Modality") in _NEGATIVE:
        return values
    return np.clip(values, center - width / 2, center + width / 2)


def _of_modality(dataset: Dataset) -> Dataset:
    """Nothing but the modality: of a volume's numbers, no rescale of its header is still to be done."""
    own = Dataset()
    own.Modality = text(dataset, "Modality")
    return own


def _step(direction: Sequence[float]) -> int:
    """-1 where an axis must be turned to run from right to left, from front to back, or from head to foot."""
    main = max(range(3), key=lambda axis: abs(direction[axis]))
    return -1 if (direction[main] < 0) is not (main == 2) else 1


def may_be_shown(dataset: Dataset) -> bool:
    """The file says it is de-identified, and is of a kind without text in its pixels or had it removed (113101)."""
    if str(dataset.get("PatientIdentityRemoved", "")).upper() != "YES":
        return False
    if str(dataset.get("BurnedInAnnotation", "")).upper() == "YES":
        return False
    codes = {str(item.get("CodeValue")) for item in dataset.get("DeidentificationMethodCodeSequence") or ()}
    with_pixels = Dataset(dataset)
    with_pixels.PixelData = b""  # the header was read without them, and the risk of nothing is none
    return CLEAN_PIXEL_DATA in codes or assess(with_pixels).level is not Level.HIGH


def _bytes(frame: Any, dataset: Dataset) -> Any:
    """Grey or RGB bytes; grey values between the window's ends, or the 1st and 99.5th percentile."""
    if frame.ndim == 3:
        return frame.astype(np.uint8)
    values = np.asarray(apply_modality_lut(frame, dataset), dtype=np.float64)
    if "WindowCenter" in dataset and dataset.get("Modality") not in _NEGATIVE:
        values = np.asarray(apply_windowing(values, dataset), dtype=np.float64)
        low, high = float(values.min()), float(values.max())
    else:
        low, high = (float(edge) for edge in np.percentile(values, (1, 99.5)))
    grey = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    dark = dataset.get("PhotometricInterpretation") == "MONOCHROME1" or dataset.get("Modality") in _NEGATIVE
    return ((1 - grey if dark else grey) * 255).astype(np.uint8)


def _png(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    picture.save(target, format="PNG", optimize=True)
    return target.getvalue()
