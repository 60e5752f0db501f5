"""`import oncofed` promises to be light, and its names to be there."""

import subprocess
import sys

import pytest

import oncofed


def test_importing_brings_no_heavy_package() -> None:
    program = (
        "import sys, oncofed; "
        "heavy = {'pandas', 'httpx', 'lark', 'pydantic', 'django', 'duckdb', 'typer'} & set(sys.modules); "
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in oncofed.__all__:
        assert getattr(oncofed, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = oncofed.nonsense
