"""The programs of the system that oncofed's tests need: which are missing, and installing them where that is allowed.

Usage: python tools/system_packages.py check | install

`check` lists what is missing and ends with 6. `install` installs what is missing with apt-get when this user may (root,
or sudo without a password). Where it may not, or it does not work, it says how to install and ends with 0, as the tests
that need the program then skip with the reason; with CI=true in the environment it ends with 6 instead.
The list is `system-packages.toml`.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).parent.parent / "system-packages.toml"
MISSING = 6
INSTALL_SECONDS = 900


@dataclass(frozen=True)
class Program:
    """One program: its name on PATH, the Debian package with it, what needs it, and the release that first did."""

    program: str
    package: str
    needed_by: str
    since: str

    @property
    def missing(self) -> bool:
        """Not found on PATH; what is no program to start (a plugin) is named by its whole path."""
        if self.program.startswith("/"):
            return not Path(self.program).exists()
        return shutil.which(self.program) is None

    @property
    def how(self) -> str:
        """The command that installs it."""
        return f"sudo apt-get install {self.package}"


def programs(path: Path = LIST) -> tuple[Program, ...]:
    """All programs of the list; an unknown or absent key is a ``TypeError``."""
    return tuple(Program(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["program"])


def privilege() -> tuple[str, ...] | None:
    """What to put before apt-get so that it may install; None when it may not be used here."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return ()
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True).returncode == 0:
        return (sudo, "-n")
    return None


def install(missing: Sequence[Program], prefix: tuple[str, ...]) -> bool:
    """Refresh apt's lists and install the packages; whether both worked. What apt says goes to standard error."""
    packages = sorted({program.package for program in missing})
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *packages]):
        try:
            done = subprocess.run(
                [*prefix, "apt-get", *step],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                timeout=INSTALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        if done.returncode:
            return False
    return True


def main(command: str) -> int:
    """Carry out ``check`` or ``install``; the exit status."""
    missing = [program for program in programs() if program.missing]
    if command == "install" and missing:
        prefix = privilege()
        if prefix is not None and install(missing, prefix):
            missing = [program for program in missing if program.missing]
    for program in missing:
        sys.stderr.write(f"{program.program} is missing ({program.needed_by} needs it): {program.how}\n")
    ends_badly = command == "check" or os.environ.get("CI") == "true"
    return MISSING if missing and ends_badly else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
