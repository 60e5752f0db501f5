"""A whole slide as a scanner writes it: a pyramid of JPEG tiles, and pictures of its label and of the glass."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage

from tests.factories.source import ROOT

TILE = 64
NAME, LABEL, BARCODE = "Okonkwo^Ngozi", "OKONKWO NGOZI 1961", "S-20-04711"


def a_slide(folder: Path, levels: int = 3) -> list[Path]:
    """Files of one slide: ``level-0.dcm`` … (the largest first), ``label.dcm`` and ``overview.dcm``."""
    size = TILE << (levels - 1)
    tissue = _tissue(size)
    made = [
        _file(folder / f"level-{level}.dcm", level + 1, _flavour(level, levels), tissue[:: 1 << level, :: 1 << level])
        for level in range(levels)
    ]
    label = _written(256, 128, LABEL)
    glass = np.concatenate([label, np.repeat(np.repeat(_tissue(128), 2, 1), 1, 0)], axis=1)
    made.append(_file(folder / "label.dcm", levels + 1, ("ORIGINAL", "PRIMARY", "LABEL", "NONE"), label))
    made.append(_file(folder / "overview.dcm", levels + 2, ("ORIGINAL", "PRIMARY", "OVERVIEW", "NONE"), glass))
    return made


def _flavour(level: int, levels: int) -> tuple[str, ...]:
    if level == 0:
        return ("ORIGINAL", "PRIMARY", "VOLUME", "NONE")
    return ("DERIVED", "PRIMARY", "THUMBNAIL" if level == levels - 1 else "VOLUME", "RESAMPLED")


def _tissue(size: int) -> np.ndarray:
    """Stained tissue on glass, RGB."""
    y, x = np.mgrid[:size, :size] / size
    waves = np.sin(11 * x + 3 * np.sin(7 * y)) * np.cos(9 * y)
    colours = [235 - 60 * (waves > 0.2), 225 - 120 * (waves > 0.2), 235 - 50 * (waves > 0.2)]
    return np.stack(colours, axis=-1).astype(np.uint8)


def _written(width: int, height: int, text: str) -> np.ndarray:
    paper = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(paper).text((8, height // 3), text, "black", ImageFont.load_default(20))
    return np.asarray(paper)


def _file(path: Path, number: int, image_type: tuple[str, ...], picture: np.ndarray) -> Path:
    tiles = TILE if "LABEL" not in image_type and "OVERVIEW" not in image_type else max(picture.shape[:2])
    rows, columns = min(tiles, picture.shape[0]), min(tiles, picture.shape[1])
    frames = [
        _jpeg(picture[top : top + rows, left : left + columns])
        for top in range(0, picture.shape[0], rows)
        for left in range(0, picture.shape[1], columns)
    ]
    uid = f"{ROOT}.7.1.{number}"
    dataset = FileDataset(str(path), {}, file_meta=_meta(uid), preamble=b"\0" * 128)
    values: dict[str, Any] = {
        **_OF_ALL, "SOPInstanceUID": uid, "InstanceNumber": number, "ImageType": list(image_type),
        "BurnedInAnnotation": "YES" if "LABEL" in image_type else "NO", "NumberOfFrames": len(frames),
        "Rows": rows, "Columns": columns,
        "TotalPixelMatrixRows": picture.shape[0], "TotalPixelMatrixColumns": picture.shape[1],
    }  # fmt: skip
    for name, value in values.items():
        setattr(dataset, name, value)
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def _jpeg(picture: np.ndarray) -> bytes:
    written = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(written, "JPEG", quality=90)
    return written.getvalue()


def _meta(uid: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    return meta


def _item(**values: Any) -> Dataset:
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def _code(value: str, meaning: str, scheme: str = "SCT") -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


_OF_ALL: dict[str, Any] = {
    "SOPClassUID": VLWholeSlideMicroscopyImageStorage, "SpecificCharacterSet": "ISO_IR 192",
    "PatientName": NAME, "PatientID": "M-61-0815", "PatientBirthDate": "19610203", "PatientSex": "F",
    "StudyInstanceUID": f"{ROOT}.7", "SeriesInstanceUID": f"{ROOT}.7.1", "FrameOfReferenceUID": f"{ROOT}.7.9",
    "PyramidUID": f"{ROOT}.7.8", "StudyDate": "20200506", "StudyTime": "101112", "ContentDate": "20200506",
    "ContentTime": "101500", "AcquisitionDateTime": "20200506101400", "AccessionNumber": BARCODE, "StudyID": "9",
    "SeriesNumber": 1, "Modality": "SM", "Manufacturer": "ACME", "ManufacturerModelName": "Scan 3",
    "DeviceSerialNumber": "DS-77", "SoftwareVersions": "1.2", "PositionReferenceIndicator": "SLIDE_CORNER",
    "SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422", "PlanarConfiguration": 0,
    "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0,
    "LossyImageCompression": "01", "LossyImageCompressionRatio": "12", "LossyImageCompressionMethod": "ISO_10918_1",
    "VolumetricProperties": "VOLUME", "SpecimenLabelInImage": "NO", "FocusMethod": "AUTO",
    "ExtendedDepthOfField": "NO", "ImagedVolumeWidth": 1.0, "ImagedVolumeHeight": 1.0, "ImagedVolumeDepth": 1.0,
    "TotalPixelMatrixFocalPlanes": 1, "NumberOfOpticalPaths": 1, "DimensionOrganizationType": "TILED_FULL",
    "ImageOrientationSlide": [0, -1, 0, -1, 0, 0], "AcquisitionContextSequence": [],
    "ContainerIdentifier": BARCODE, "IssuerOfTheContainerIdentifierSequence": [],
    "ContainerTypeCodeSequence": [_code("433466003", "Microscope slide")],
    "BarcodeValue": BARCODE, "LabelText": LABEL,
    "TotalPixelMatrixOriginSequence": [
        _item(XOffsetInSlideCoordinateSystem=20.0, YOffsetInSlideCoordinateSystem=40.0)
    ],
    "SpecimenDescriptionSequence": [
        _item(
            SpecimenIdentifier=BARCODE, SpecimenUID=f"{ROOT}.7.7", IssuerOfTheSpecimenIdentifierSequence=[],
            SpecimenShortDescription="Mrs Okonkwo, left breast",
            SpecimenPreparationSequence=[
                _item(SpecimenPreparationStepContentItemSequence=[
                    _item(ValueType="TEXT", ConceptNameCodeSequence=[_code("121041", "Specimen Identifier", "DCM")],
                          TextValue=BARCODE),
                    _item(ValueType="CODE", ConceptNameCodeSequence=[_code("424361007", "Using substance")],
                          ConceptCodeSequence=[_code("12710003", "hematoxylin stain")]),
                ])
            ],
        )
    ],
    "OpticalPathSequence": [
        _item(
            OpticalPathIdentifier="1", ICCProfile=b"\0" * 128,
            IlluminationTypeCodeSequence=[_code("111744", "Brightfield illumination", "DCM")],
            IlluminationColorCodeSequence=[_code("414298005", "Full Spectrum")],
        )
    ],
    "SharedFunctionalGroupsSequence": [
        _item(
            PixelMeasuresSequence=[_item(PixelSpacing=[0.0005, 0.0005], SliceThickness=0.001)],
            WholeSlideMicroscopyImageFrameTypeSequence=[_item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])],
            OpticalPathIdentificationSequence=[_item(OpticalPathIdentifier="1")],
        )
    ],
}  # fmt: skip
