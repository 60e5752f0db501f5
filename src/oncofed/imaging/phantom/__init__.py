"""Made-up images, labelled as such: pictures with text, and whole patients with lesions and what refers to them."""

from oncofed.imaging.phantom.anatomy import Grid, Lesion, Trunk
from oncofed.imaging.phantom.cohort import SERIES, Patient, patient, person, write
from oncofed.imaging.phantom.headers import Person

__all__ = ["SERIES", "Grid", "Lesion", "Patient", "Person", "Trunk", "patient", "person", "write"]
