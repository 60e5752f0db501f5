"""Makes the virtual environment for `make setup`, with whatever python3 is there; says plainly what is missing.

Usage: python3 tools/new_environment.py DIRECTORY. Runs on old versions of Python too, to be able to say so.
"""

import sys

OLDEST = (3, 11)


def main(directory: str) -> int:
    """Create ``directory`` with pip in it; 6 (this machine lacks something) when Python is too old or incomplete."""
    if sys.version_info < OLDEST:
        sys.stderr.write("oncofed needs Python 3.11 or later; set another one with `make setup PYTHON=python3.12`.\n")
        return 6
    try:
        import ensurepip  # noqa: F401  (Debian and Ubuntu leave it out of python3)
        import venv
    except ImportError:
        sys.stderr.write("This python3 cannot make environments; on Debian or Ubuntu: apt-get install python3-venv.\n")
        return 6
    venv.EnvBuilder(with_pip=True, symlinks=True, prompt="oncofed").create(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
