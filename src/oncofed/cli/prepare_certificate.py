"""`oncofed prepare certificate`: what a certificate says, and whether it and its images are what was signed."""

from pathlib import Path
from typing import Annotated

import typer

from oncofed.cli.node_load import told
from oncofed.contracts.errors import BadInput


def certificate(
    file: Annotated[Path, typer.Argument(help="certificate.json, of a run or received from a data holder.")],
    key: Annotated[str, typer.Option(help="The public key that must have signed it.")] = "",
    images: Annotated[bool, typer.Option("--images", help="Also read every image beside it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a certificate's signature, and with --images every image it speaks of; say what it says."""
    from oncofed.prepare.certificate import check_images, read_certificate

    if not file.is_file():
        raise BadInput("source-unreadable", "there is no such file")
    read = read_certificate(file, key or None)
    checked = check_images(read, file.parent) if images else 0
    statement = read.statement
    found = "Nothing that identifies was found again" if read.passed else "Something was found: see certificate.html"
    sentence = (
        f"Signed by {read.key}, {statement['made_at']}. Files: {statement['files']['released']:,}, "
        f"patients: {statement['patients']:,}, profile {statement['policy']['profile']}. {found}."
    )
    if images:
        sentence += f" All {checked:,} images are those it speaks of."
    told(as_json, {"key": read.key, "passed": read.passed, "images_checked": checked, "statement": statement}, sentence)
