"""Other de-identifiers of DICOM for Python, each as it is out of the box, for the same measures; used where installed.

They are meant to be configured for a purpose: the figures say what one gets who does not.
"""

import contextlib
import importlib
import importlib.util
import io
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

Peer = Callable[[Path, Path], None]
"""Reads a file and writes the de-identified one."""


def peers() -> dict[str, Peer]:
    """The peers whose packages are installed."""
    known: dict[str, tuple[str, Peer]] = {
        "dicom_anonymizer_2024b": ("dicomanonymizer", _dicom_anonymizer),
        "deid": ("deid", _deid),
        "dicognito": ("dicognito", _dicognito),
    }
    return {name: peer for name, (package, peer) in known.items() if importlib.util.find_spec(package)}


def _dicom_anonymizer(source: Path, target: Path) -> None:
    with _quiet():
        package = importlib.import_module("dicomanonymizer.simpledicomanonymizer")
        rules = package.initialize_actions_2024b
        package.anonymize_dicom_file(str(source), str(target), base_rules_gen=rules)


def _deid(source: Path, target: Path) -> None:
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        config, dicom = importlib.import_module("deid.config"), importlib.import_module("deid.dicom")
        dicom.replace_identifiers([str(source)], deid=config.DeidRecipe(), save=True, output_folder=folder)
        next(Path(folder).rglob("*.dcm")).replace(target)


def _dicognito(source: Path, target: Path) -> None:
    with _quiet():
        package, pydicom = importlib.import_module("dicognito.anonymizer"), importlib.import_module("pydicom")
        dataset = pydicom.dcmread(source)
        package.Anonymizer(seed="oncofed").anonymize(dataset)
        dataset.save_as(target)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without their warnings and messages."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
