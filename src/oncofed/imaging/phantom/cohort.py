"""Whole made-up patients as files: series with lesions, and the SEG, RTSTRUCT and SR that describe them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset

from oncofed.imaging.phantom import images, objects
from oncofed.imaging.phantom.anatomy import Grid, Trunk, trunk
from oncofed.imaging.phantom.headers import Person
from oncofed.imaging.phantom.images import Whose
from oncofed.imaging.phantom.pictures import Planted

SERIES = ("CT", "MR", "PT", "MG", "US")
_FIRST = ("Anna", "Bruno", "Chiara", "David", "Elena", "Felix", "Greta", "Hugo")
_LAST = ("Moreau", "Novak", "Oliveira", "Papadakis", "Quercia", "Rossi", "Schmidt", "Tamm")


@dataclass(frozen=True)
class Patient:
    """One made-up patient: all objects, the anatomy with its lesions, and the words burned into the ultrasound."""

    person: Person
    anatomy: Trunk
    objects: tuple[FileDataset, ...]
    planted: tuple[Planted, ...] = field(default=())


def person(seed: int) -> Person:
    """A made-up person with a name, numbers and a date of birth, the same for the same seed."""
    rng = np.random.default_rng([seed, 7])
    return Person(
        name=f"{rng.choice(_LAST)}^{rng.choice(_FIRST)}",
        number=f"SYN{rng.integers(10**6, 10**7)}",
        born=f"{rng.integers(1935, 1990)}{rng.integers(1, 13):02}{rng.integers(1, 29):02}",
        sex=str(rng.choice(["F", "M"])),
        weight=float(rng.integers(50, 100)),
        accession=f"A{rng.integers(10**6, 10**7)}",
        study_date=f"202{rng.integers(0, 5)}{rng.integers(1, 13):02}{rng.integers(1, 29):02}",
    )


def patient(seed: int, *, series: tuple[str, ...] = SERIES, grid: Grid | None = None) -> Patient:
    """A made-up patient with these series (of ``SERIES``); lesions are segmented on CT, MR and PT."""
    whose = Whose(person(seed), seed)
    anatomy = trunk(whose.rng("anatomy"), grid or Grid(), lesions=1 + seed % 3)
    made: list[FileDataset] = []
    planted: tuple[Planted, ...] = ()
    for modality in series:
        if modality == "MG":
            made.extend(images.mg(whose, view)[0] for view in ("CC", "MLO"))
        elif modality == "US":
            page, planted = images.us(whose)
            made.append(page)
        else:
            made.extend(_with_lesions(whose, anatomy, modality))
    return Patient(whose.person, anatomy, tuple(made), planted)


def _with_lesions(whose: Whose, anatomy: Trunk, modality: str) -> Iterator[FileDataset]:
    slices = {"CT": images.ct, "MR": images.mr, "PT": images.pt}[modality](whose, anatomy)
    yield from slices
    segmentation = objects.seg(whose, anatomy, slices)
    yield segmentation
    if modality == "PT":
        yield objects.rtstruct(whose, anatomy, slices)
    if modality == "CT":
        yield objects.sr(whose, anatomy, slices, segmentation)


def write(directory: Path, patients: int = 1, *, seed: int = 0, series: tuple[str, ...] = SERIES) -> int:
    """Write so many patients below ``directory``, a folder a patient and a series; the number of files written."""
    count = 0
    for number in range(patients):
        for one in patient(seed + number, series=series).objects:
            folder = directory / f"patient-{seed + number:05}" / f"{one.SeriesNumber}-{one.Modality}"
            folder.mkdir(parents=True, exist_ok=True)
            one.save_as(folder / f"{one.InstanceNumber:05}.dcm", enforce_file_format=True)
            count += 1
    return count
