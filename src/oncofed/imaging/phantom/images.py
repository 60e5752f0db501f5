"""Made-up series: CT, MR and PET of one trunk, a mammogram, and ultrasound pages with names burned in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import uid as uids
from pydicom.dataset import Dataset, FileDataset

from oncofed.imaging.phantom.anatomy import Grid, Lesion, Trunk, Volume, measured
from oncofed.imaging.phantom.headers import Person, coded, item, start, uid
from oncofed.imaging.phantom.pictures import Planted, fan, write


@dataclass(frozen=True)
class Whose:
    """The person, the seed of everything that is drawn, and the study all series belong to."""

    person: Person
    seed: int

    @property
    def study(self) -> uids.UID:
        """The study's UID."""
        return uid(self.seed, "study")

    def rng(self, name: str) -> np.random.Generator:
        """Draws for one series, the same for the same seed."""
        return np.random.default_rng([self.seed, *name.encode()])


def ct(whose: Whose, anatomy: Trunk) -> list[FileDataset]:
    """An axial CT in HU: air −1000, lung −800, soft tissue 40, liver 60, lesions 110, spine 400."""
    values = measured(anatomy, (-1000, 40, -800, 60, 400, 110), 12, whose.rng("CT"))
    made = slices(whose, anatomy.grid, "CT", uids.CTImageStorage, np.clip(values + 1024, 0, 4095))
    for one in made:
        one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        one.RescaleIntercept, one.RescaleSlope, one.RescaleType = -1024, 1, "HU"
        one.KVP, one.XRayTubeCurrent, one.ExposureTime = 120, 200, 500
        one.ConvolutionKernel = "STANDARD"
        one.WindowCenter, one.WindowWidth = 40, 400
        one.AcquisitionNumber = 1
    return made


def mr(whose: Whose, anatomy: Trunk) -> list[FileDataset]:
    """A T2-weighted MR with a receive field that falls off to one side."""
    values = measured(anatomy, (5, 300, 60, 350, 150, 700), 15, whose.rng("MR"))
    fall_off = np.linspace(1.25, 0.75, anatomy.grid.columns, dtype=np.float32)
    stored = np.clip(values * fall_off, 0, 4095).astype(np.int32)
    made = slices(whose, anatomy.grid, "MR", uids.MRImageStorage, stored)
    for one in made:
        one.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE"]
        one.ScanningSequence, one.SequenceVariant, one.ScanOptions = "SE", "SK", "FS"
        one.MRAcquisitionType, one.MagneticFieldStrength = "2D", 1.5
        one.RepetitionTime, one.EchoTime, one.EchoTrainLength, one.FlipAngle = 4000, 90, 16, 90
        one.WindowCenter, one.WindowWidth = 400, 800
        one.AcquisitionNumber = 1
    return made


def pt(whose: Whose, anatomy: Trunk) -> list[FileDataset]:
    """An FDG PET in Bq/ml with all that a standardised uptake value needs; SUV 1 soft, 2.5 liver, 8 lesions."""
    person = whose.person
    dose, half_life, waited = 3.0e8, 6586.2, 3600.0
    per_suv = dose * 0.5 ** (waited / half_life) / (person.weight * 1000.0)
    values = measured(anatomy, (0, per_suv, 0.4 * per_suv, 2.5 * per_suv, per_suv, 8 * per_suv), 30, whose.rng("PT"))
    made = slices(whose, anatomy.grid, "PT", uids.PositronEmissionTomographyImageStorage, np.clip(values, 0, 65535))
    injected = item(
        Radiopharmaceutical="FDG",
        RadiopharmaceuticalStartTime="081000",
        RadiopharmaceuticalStartDateTime=f"{person.study_date}081000",
        RadionuclideTotalDose=dose,
        RadionuclideHalfLife=half_life,
        RadionuclidePositronFraction=0.967,
        RadionuclideCodeSequence=[coded("C-111A1", "SRT", "^18^Fluorine")],
        RadiopharmaceuticalCodeSequence=[coded("C-B1031", "SRT", "Fluorodeoxyglucose F^18^")],
    )
    for number, one in enumerate(made, start=1):
        one.ImageType = ["ORIGINAL", "PRIMARY"]
        one.Units, one.CountsSource, one.DecayCorrection = "BQML", "EMISSION", "START"
        one.SeriesType = ["STATIC", "IMAGE"]
        one.NumberOfSlices, one.ImageIndex = len(made), number
        one.CorrectedImage = ["DECY", "ATTN", "SCAT", "NORM"]
        one.RescaleIntercept, one.RescaleSlope = 0, 1
        one.FrameReferenceTime, one.ActualFrameDuration, one.DecayFactor = 0, 180000, 1
        one.CollimatorType = "NONE"
        del one.PatientPosition  # said by the orientation codes instead
        one.SeriesTime = one.AcquisitionTime = "091000"
        one.RadiopharmaceuticalInformationSequence = [injected]
        one.EnergyWindowRangeSequence = [item(EnergyWindowLowerLimit=425, EnergyWindowUpperLimit=650)]
        one.PatientOrientationCodeSequence = [_lying()]
        one.PatientGantryRelationshipCodeSequence = [coded("F-10470", "SRT", "headfirst")]
    return made


def _lying() -> Dataset:
    made = coded("F-10450", "SRT", "recumbent")
    made.PatientOrientationModifierCodeSequence = [coded("F-10340", "SRT", "supine")]
    return made


def slices(whose: Whose, grid: Grid, modality: str, sop_class: str, stored: Volume) -> list[FileDataset]:
    """Axial slices from the feet up, unsigned 16 bits, with the geometry of the grid."""
    made = []
    x, y, z = grid.origin
    for place, plane in enumerate(stored):
        one = start(sop_class, uid(whose.seed, modality, place), whose.person)
        one.Modality, one.SeriesNumber, one.InstanceNumber = modality, ["CT", "MR", "PT"].index(modality) + 1, place + 1
        one.SeriesDescription = f"SYNTHETIC {modality}"
        one.StudyInstanceUID, one.SeriesInstanceUID = whose.study, uid(whose.seed, modality)
        one.FrameOfReferenceUID, one.PositionReferenceIndicator = uid(whose.seed, "frame"), ""
        one.PatientPosition, one.BodyPartExamined = "HFS", "ABDOMEN"
        one.ImagePositionPatient = [x, y, z + place * grid.distance]
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.PixelSpacing, one.SliceThickness = [grid.pixel, grid.pixel], grid.distance
        one.SliceLocation = z + place * grid.distance
        _pixels(one, plane.astype(np.uint16), bits=12 if modality != "PT" else 16)
        made.append(one)
    return made


def _pixels(one: Dataset, plane: NDArray[np.uint8] | NDArray[np.uint16], *, bits: int) -> None:
    one.SamplesPerPixel = 3 if plane.ndim == 3 else 1
    one.PhotometricInterpretation = "RGB" if plane.ndim == 3 else "MONOCHROME2"
    if plane.ndim == 3:
        one.PlanarConfiguration = 0
    one.Rows, one.Columns = plane.shape[:2]
    one.BitsAllocated = plane.itemsize * 8
    one.BitsStored, one.HighBit, one.PixelRepresentation = bits, bits - 1, 0
    one.BurnedInAnnotation = "NO"
    data = np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).tobytes()
    one.add_new("PixelData", "OW" if plane.itemsize > 1 else "OB", data + b"\0" * (len(data) % 2))


def mg(whose: Whose, view: str = "CC", side: str = "L") -> tuple[FileDataset, Lesion]:
    """A mammogram for presentation, 12 bits, with one mass (centre x, y in pixels from the top left; z is 0)."""
    rng = whose.rng("MG" + view + side)
    rows, columns = 512, 384
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    across = x if side == "L" else columns - 1 - x
    inside = (across / (0.8 * columns)) ** 2 + ((y - rows / 2) / (0.45 * rows)) ** 2 <= 1
    mass = Lesion((float(rng.uniform(0.25, 0.45) * columns), float(rng.uniform(0.4, 0.6) * rows), 0.0), 18.0)
    grey = 900 + 500 * np.sin(across / 37.0) * np.sin(y / 29.0) + rng.normal(0, 40, (rows, columns))
    grey[(across - mass.centre[0]) ** 2 + (y - mass.centre[1]) ** 2 <= mass.radius**2] += 1500
    plane = np.where(inside, np.clip(grey, 50, 4095), 0).astype(np.uint16)
    one = start(uids.DigitalMammographyXRayImageStorageForPresentation, uid(whose.seed, "MG", view, side), whose.person)
    one.Modality, one.SeriesNumber, one.InstanceNumber = "MG", 4, 1 if view == "CC" else 2
    one.SeriesDescription = "SYNTHETIC MG"
    one.StudyInstanceUID, one.SeriesInstanceUID = whose.study, uid(whose.seed, "MG")
    one.ImageType = ["ORIGINAL", "PRIMARY"]
    one.PresentationIntentType, one.BodyPartExamined, one.ImageLaterality = "FOR PRESENTATION", "BREAST", side
    one.ViewPosition = view
    one.ImagerPixelSpacing, one.PatientOrientation = [0.4, 0.4], ["A", "R"] if side == "L" else ["P", "L"]
    one.PixelIntensityRelationship, one.PixelIntensityRelationshipSign = "LOG", 1
    one.RescaleIntercept, one.RescaleSlope, one.RescaleType = 0, 1, "US"
    one.PresentationLUTShape, one.LossyImageCompression = "IDENTITY", "00"
    one.WindowCenter, one.WindowWidth = 2048, 4096
    one.DetectorType, one.PositionerType, one.OrganExposed = "DIRECT", "MAMMOGRAPHIC", "BREAST"
    one.AnatomicRegionSequence = [coded("76752008", "SCT", "Breast")]
    one.ViewCodeSequence = [_view(view)]
    one.AcquisitionContextSequence = []
    one.KVP = 28
    _pixels(one, plane, bits=12)
    return one, mass


def _view(view: str) -> Dataset:
    codes = {"CC": ("399162004", "cranio-caudal"), "MLO": ("399368009", "medio-lateral oblique")}
    made = coded(codes[view][0], "SCT", codes[view][1])
    made.ViewModifierCodeSequence = []
    return made


def us(
    whose: Whose, *, regions: bool = True, frames: int = 1, said: Sequence[str] = ()
) -> tuple[FileDataset, tuple[Planted, ...]]:
    """An ultrasound page with the person's name, number, birth date and hospital burned in above the fan.

    ``regions``: it carries a Sequence of Ultrasound Regions. ``said``: more words, written inside the fan.
    """
    rng, person = whose.rng("US"), whose.person
    page = np.zeros((480, 640), dtype=np.uint8)
    page[60:] = fan(420, 640, rng)
    name = person.name.replace("^", ",").upper()
    banner = ((name, (8, 8)), (person.number, (8, 32)), (person.born, (300, 8)), (person.institution, (300, 32)))
    planted = [write(page, text, corner, size=12) for text, corner in banner]
    for place, text in enumerate(said):
        planted.append(write(page, text, (220, 200 + 40 * place), size=14))
    multi = frames > 1
    one = start(
        uids.UltrasoundMultiFrameImageStorage if multi else uids.UltrasoundImageStorage,
        uid(whose.seed, "US", frames, regions),
        person,
    )
    one.Modality, one.SeriesNumber, one.InstanceNumber = "US", 5, 1
    one.SeriesDescription = "SYNTHETIC US"
    one.StudyInstanceUID, one.SeriesInstanceUID = whose.study, uid(whose.seed, "US")
    one.ImageType, one.PatientOrientation, one.Laterality = ["ORIGINAL", "PRIMARY"], "", ""
    one.LossyImageCompression = "00"
    if regions:
        one.SequenceOfUltrasoundRegions = [_region()]
    stack = np.repeat(page[None], frames, axis=0)
    stack[1:, 64:] = np.clip(stack[1:, 64:] + rng.integers(-3, 4, stack[1:, 64:].shape), 0, 255)
    _pixels(one, np.repeat(stack.reshape(-1, 640)[..., None], 3, axis=2), bits=8)
    one.Rows = 480
    if multi:
        one.NumberOfFrames, one.FrameTime = frames, 40
        one.FrameIncrementPointer = 0x00181063
    del one.BurnedInAnnotation
    return one, tuple(word for word in planted if word is not None)


def _region() -> Dataset:
    return item(
        RegionSpatialFormat=1,
        RegionDataType=1,
        RegionFlags=0,
        RegionLocationMinX0=0,
        RegionLocationMinY0=60,
        RegionLocationMaxX1=639,
        RegionLocationMaxY1=479,
        PhysicalUnitsXDirection=3,
        PhysicalUnitsYDirection=3,
        PhysicalDeltaX=0.03,
        PhysicalDeltaY=0.03,
    )
