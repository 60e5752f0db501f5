"""De-identification by PS3.15 Annex E: profile → policy → deidentifier; every attribute at every depth."""

from oncofed.imaging.deidentify.changes import Applied, Change, Review
from oncofed.imaging.deidentify.deidentifier import Deidentifier
from oncofed.imaging.deidentify.policy import CLEAN_PIXELS, DEFACED, Action, MethodCode, Policy, compile_policy
from oncofed.imaging.deidentify.profile import PROFILES, Option, Profile, read_profile

__all__ = [
    "CLEAN_PIXELS",
    "DEFACED",
    "PROFILES",
    "Action",
    "Applied",
    "Change",
    "Deidentifier",
    "MethodCode",
    "Option",
    "Policy",
    "Profile",
    "Review",
    "compile_policy",
    "read_profile",
]
