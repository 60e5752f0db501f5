"""A hospital's NIfTI volumes with their side-cars, as converters write them: made with nibabel, not with our code."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

SAYS: dict[str, Any] = {
    "Modality": "MR",
    "Manufacturer": "ACME",
    "ManufacturersModelName": "Scanner 3",
    "BodyPart": "BREAST",
    "InstitutionName": "Ospedale Sant’Anna",
    "PatientName": "Sørensen^Ann",
    "PatientID": "P1",
    "PatientBirthDate": "1950-01-02",
    "PatientSex": "F",
    "AccessionNumber": "A-77004",
    "SeriesDescription": "T2 axial Sørensen",
    "ImageComments": "seen by Dr. Weber on 4 March 2020",
    "ImageType": ["ORIGINAL", "PRIMARY", "M"],
    "AcquisitionDateTime": "2020-03-04T10:11:12.500000",
    "AcquisitionTime": "10:11:12.500000",
    "EchoTime": 0.08,
    "RepetitionTime": 4.5,
    "SliceTiming": [0.0, 0.5, 1.0],
    "ConversionComments": "for Sørensen",
}
"""What dcm2niix writes with ``-ba n``."""


def an_image(shape: tuple[int, ...] = (7, 6, 5), kind: str = "<i2", version: int = 1, **fields: bytes) -> Any:
    """A volume of numbers, 0.7 × 0.8 × 3 mm, turned about the body's axis; ``fields``: texts in its header."""
    values = (np.arange(np.prod(shape)).reshape(shape) * 7 % 97).astype(kind)
    turn = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]]) @ np.diag([0.7, 0.8, 3.0])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn, (-40, 30, 12.5)
    made = (nib.Nifti1Image if version == 1 else nib.Nifti2Image)(values, affine, dtype=np.dtype(kind))
    made.header.set_xyzt_units("mm")
    made.set_qform(affine, 1)
    for name, text in fields.items():
        made.header[name] = text
    return made


def a_volume(path: Path, *, says: dict[str, Any] | None = None, image: Any = None, **other: Any) -> Path:
    """A volume with a side-car that holds ``SAYS`` (or ``says``) with ``other`` over it (None leaves a key out)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = image or an_image(descrip=b"Sorensen A-77004", aux_file=b"P1-20200304", intent_name=b"Ann")
    nib.save(image, path)
    given = {name: value for name, value in ((SAYS if says is None else says) | other).items() if value is not None}
    beside = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    beside.write_text(json.dumps(given, ensure_ascii=False), encoding="utf-8")
    return path
