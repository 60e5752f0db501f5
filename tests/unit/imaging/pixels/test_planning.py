"""Plans for real and made-up images: what is blanked, what a person sees, and what is still readable afterwards."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset, uid
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import pixel_array

from oncofed.contracts.errors import CODES
from oncofed.imaging import phantom, pixels
from oncofed.imaging.phantom import pictures
from oncofed.imaging.phantom.images import Whose, us
from oncofed.imaging.pixels import Level, Plan, Rectangle, search, text
from oncofed.imaging.pixels.rectangles import pixels_in

tesseract = pytest.mark.system_program("tesseract")
WHOSE = Whose(phantom.person(4), 4)


def real(folder: Path) -> Dataset:
    (path,) = folder.glob("*.dcm")
    return pydicom.dcmread(path)


def written(dataset: Dataset) -> Dataset:
    file = io.BytesIO()
    dataset.save_as(file)
    return pydicom.dcmread(io.BytesIO(file.getvalue()))


@pytest.fixture
def no_tesseract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("PATH", str(tmp_path))
    text.available.cache_clear()
    yield
    text.available.cache_clear()


# ---- the two real images with burned-in names ------------------------------------------------------------------------


@tesseract
def test_real_page_with_regions_is_released_without_its_banner(shared: Path) -> None:
    dataset = real(shared / "dicom" / "us_burned_in_deid")
    wanted, before = pixels.identifiers(dataset), pixel_array(dataset).copy()
    found = pixels.residual(dataset, wanted)
    assert sum(one.identifying for one in found) >= 3
    plan = pixels.plan(dataset)
    assert not plan.quarantine
    assert plan.reasons[:1] == ("regions",)
    assert pixels.apply(dataset, plan)
    after = written(dataset)
    assert pixels.residual(after, wanted) == ()
    assert after.BurnedInAnnotation == "NO"
    inside = pixels_in(plan.rectangles, dataset.Columns, dataset.Rows)
    assert 0.02 < inside.mean() < 0.2
    assert np.array_equal(pixel_array(after)[~inside], before[~inside])
    assert not pixel_array(after)[:60].any()


@tesseract
def test_real_page_without_regions_waits_for_a_person_with_its_text_found(shared: Path) -> None:
    dataset = real(shared / "dicom" / "us_burned_in_us1")
    wanted, before = pixels.identifiers(dataset), pixel_array(dataset).copy()
    plan = pixels.plan(dataset)
    assert plan.quarantine
    assert "pixels-text-suspected" in plan.reasons
    banner = [Rectangle(20, 26, 168, 38), Rectangle(20, 42, 88, 54), Rectangle(550, 42, 618, 54)]
    for one in banner:
        assert max(hint.covers(one) for hint in plan.rectangles) == 1.0
    assert pixels.apply(dataset, plan)
    assert "BurnedInAnnotation" not in dataset
    after = written(dataset)
    assert after.file_meta.TransferSyntaxUID == uid.JPEG2000Lossless
    inside = pixels_in(plan.rectangles, 640, 480)
    assert np.array_equal(pixel_array(after)[~inside], before[~inside])
    assert not any(one.identifying for one in pixels.residual(after, wanted))


def test_a_person_has_decided(shared: Path) -> None:
    dataset = real(shared / "dicom" / "us_burned_in_us1")
    plan = pixels.plan(dataset, reviewed=[Rectangle(0, 0, 640, 108)])
    assert plan == Plan((Rectangle(0, 0, 640, 108),), reasons=("reviewed",), level=Level.HIGH)
    assert pixels.apply(dataset, plan)
    assert dataset.BurnedInAnnotation == "NO"


# ---- made-up pages ---------------------------------------------------------------------------------------------------


@tesseract
@pytest.mark.parametrize("frames", [1, 4])
def test_a_name_inside_the_region_is_found_too(frames: int) -> None:
    page, planted = us(WHOSE, frames=frames, said=["MOREAU,HUGO", str(WHOSE.person.name).replace("^", ",").upper()])
    assert len(planted) == 6
    plan = pixels.plan(page)
    assert not plan.quarantine
    inside = pixels_in(plan.rectangles, 640, 480)
    for word in planted:
        box = word.rectangle
        assert inside[box.y0 : box.y1, box.x0 : box.x1].all()
    assert pixels.apply(page, plan)
    assert pixels.residual(page, pixels.identifiers(page)) == ()
    stack = pixel_array(page).reshape(frames, 480, 640, 3)
    assert not stack[:, :60].any()
    assert stack[:, 300].any()


@tesseract
def test_a_page_without_regions_goes_to_a_person() -> None:
    page, planted = us(WHOSE, regions=False)
    plan = pixels.plan(page)
    assert plan.quarantine
    for word in planted:
        assert max(one.covers(word.rectangle) for one in plan.rectangles) == 1.0


@tesseract
def test_a_mammogram_without_text_is_left_alone() -> None:
    patient = phantom.patient(2, series=("MG",))
    for image in patient.objects:
        before = image.PixelData
        plan = pixels.plan(image)
        assert plan == Plan(level=Level.LOW)
        assert not pixels.apply(image, plan)
        assert image.PixelData is before
        assert image.BurnedInAnnotation == "NO"


@tesseract
def test_a_name_on_a_mammogram_is_blanked_and_a_person_looks() -> None:
    (image, _) = phantom.patient(2, series=("MG",)).objects
    plane = pixel_array(image).copy()
    stamp = np.zeros(plane.shape, dtype=np.uint8)
    word = pictures.write(stamp, "HUGO MOREAU", (250, 400), size=12)
    assert word is not None
    plane[stamp > 0] = 4095
    image.PixelData = plane.tobytes()
    image.PatientName = "Moreau^Hugo"
    plan = pixels.plan(image)
    assert plan.quarantine
    assert max(one.covers(word.rectangle) for one in plan.rectangles) == 1.0
    image.PatientName = "Rossi^Ida"
    assert not pixels.plan(image).quarantine


def test_scanner_images_are_not_even_decoded() -> None:
    (slice_, *_) = phantom.patient(2, series=("CT",)).objects
    slice_.PixelData = b"no pixels at all"
    assert pixels.plan(slice_) == Plan()
    assert not pixels.apply(slice_, Plan())
    assert pixels.residual(slice_, ["X"]) == ()


def test_an_overlay_in_the_pixels_is_cleared() -> None:
    (slice_, *_) = phantom.patient(2, series=("CT",)).objects
    stored = np.frombuffer(slice_.PixelData, "<u2").copy()
    stored[:50] |= 0x8000
    slice_.PixelData = stored.tobytes()
    slice_.add_new(0x60000102, "US", 15)
    plan = pixels.plan(slice_, ocr=False)
    assert plan.unused_bits
    assert not plan.quarantine
    assert pixels.apply(slice_, plan)
    assert np.array_equal(np.frombuffer(slice_.PixelData, "<u2"), stored & 0x0FFF)


# ---- without reading -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_tesseract")
def test_without_tesseract_what_would_need_it_waits() -> None:
    with_regions, _ = us(WHOSE)
    plan = pixels.plan(with_regions)
    assert plan.rectangles == (Rectangle(0, 0, 640, 60),)
    assert not plan.quarantine
    assert plan.reasons == ("regions", "pixels-ocr-missing")
    without, _ = us(WHOSE, regions=False)
    assert pixels.plan(without).quarantine
    (mammogram, _) = phantom.patient(2, series=("MG",)).objects
    assert pixels.plan(mammogram) == Plan(quarantine=True, reasons=("pixels-ocr-missing",), level=Level.LOW)


def test_when_no_text_is_to_be_looked_for() -> None:
    (mammogram, _) = phantom.patient(2, series=("MG",)).objects
    assert pixels.plan(mammogram, ocr=False) == Plan(level=Level.LOW)
    page, _ = us(WHOSE, regions=False)
    assert pixels.plan(page, ocr=False) == Plan(quarantine=True, reasons=("pixels-text-suspected",), level=Level.HIGH)
    page.ManufacturerModelName = "LOGIQE9"
    assert pixels.plan(page, ocr=False) == Plan((Rectangle(0, 0, 640, 70),), reasons=("device",), level=Level.HIGH)


# ---- unusual objects -------------------------------------------------------------------------------------------------


def document() -> Dataset:
    made = Dataset()
    made.SOPClassUID = uid.EncapsulatedPDFStorage
    made.EncapsulatedDocument = b"%PDF"
    return made


def test_a_document_waits_for_a_person() -> None:
    plan = pixels.plan(document())
    assert plan == Plan(quarantine=True, reasons=("pixels-document",), level=Level.HIGH)
    assert not pixels.apply(document(), plan)
    assert pixels.residual(document(), []) == ()
    assert pixels.plan(document(), reviewed=[]) == Plan(reasons=("reviewed",), level=Level.HIGH)


def screen(**changes: Any) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = changes.pop("syntax", uid.ExplicitVRLittleEndian)
    made.SOPClassUID, made.Modality = uid.SecondaryCaptureImageStorage, "OT"
    made.Rows, made.Columns, made.SamplesPerPixel = 64, 64, 1
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation, made.PhotometricInterpretation = 7, 0, "MONOCHROME2"
    made.add_new("PixelData", "OB", bytes(64 * 64))
    for keyword, value in changes.items():
        setattr(made, keyword, value)
    return made


@pytest.mark.parametrize(
    "dataset",
    [
        screen(PixelData=b"\0\0"),
        screen(BitsAllocated=1),
        screen(Rows=0),
        screen(syntax=uid.MPEG4HP41),
        screen(PhotometricInterpretation="PALETTE COLOR"),
    ],
)
def test_what_cannot_be_seen_waits_for_a_person(dataset: Dataset) -> None:
    assert pixels.plan(dataset) == Plan(quarantine=True, reasons=("pixels-undecodable",), level=Level.HIGH)


@tesseract
def test_a_screen_without_a_word_passes() -> None:
    assert pixels.plan(screen()) == Plan(level=Level.HIGH)
    assert pixels.plan(screen(BurnedInAnnotation="YES")).quarantine


def test_the_label_of_a_slide_is_blanked_wholly() -> None:
    label = screen(SOPClassUID=uid.VLWholeSlideMicroscopyImageStorage, Modality="SM")
    label.ImageType = ["ORIGINAL", "PRIMARY", "LABEL", "NONE"]
    plan = pixels.plan(label)
    assert plan == Plan((Rectangle(0, 0, 64, 64),), reasons=("label",), level=Level.HIGH)


@tesseract
def test_the_real_files_of_pydicom_all_get_a_plan() -> None:
    seen = 0
    for name in ("examples_palette.dcm", "SC_rgb_rle_2frame.dcm", "JPEG-lossy.dcm", "693_J2KI.dcm", "liver.dcm"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = get_testdata_file(name)
            plan = pixels.plan(pydicom.dcmread(str(path))) if path else Plan()
        seen += plan.level is not Level.NONE
        assert all(reason in CODES for reason in plan.reasons if reason.startswith("pixels-"))
    assert seen >= 2


@tesseract
def test_a_plan_does_not_print_what_was_read(shared: Path) -> None:
    dataset = real(shared / "dicom" / "us_burned_in_us1")
    printed = repr(pixels.plan(dataset))
    assert "hints" not in printed
    assert not any(word in printed for word in pixels.identifiers(dataset) if not word.isdigit())


@tesseract
@pytest.mark.parametrize(("modality", "asked"), [("MR", False), ("OT", True)])
def test_maps_that_a_scanner_computed_are_not_searched_for_faint_writing(
    monkeypatch: pytest.MonkeyPatch, modality: str, asked: bool
) -> None:
    pictures_seen = []
    monkeypatch.setattr(search.faint, "writing", lambda picture: pictures_seen.append(picture) or ())
    (slice_, *_) = phantom.patient(6, series=("MR",)).objects
    slice_.ImageType, slice_.Modality = ["DERIVED", "PRIMARY", "ADC"], modality
    pixels.plan(slice_)
    assert bool(pictures_seen) is asked
