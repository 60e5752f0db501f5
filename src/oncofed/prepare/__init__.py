"""The data holder's pipeline: from what the hospital has to a release that may be searched and computed on."""
