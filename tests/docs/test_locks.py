"""The lock files bring every package that is declared, hashed, and name no host and no path."""

import re
import tomllib

import pytest

from tools.generate_docs import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
RUNTIME = [*PROJECT["project"]["dependencies"], *EXTRAS["hub"], *EXTRAS["node"]]
DEV = [*RUNTIME, *PROJECT["dependency-groups"]["dev"]]


def canonical(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement)[0]).lower()  # type: ignore[index]


def locked(lock: str) -> dict[str, list[str]]:
    """Package → its entries: version, marker and hashes, on one line each."""
    text = (ROOT / "requirements" / lock).read_text().replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            found.setdefault(line.partition("==")[0].strip(), []).append(line)
    return found


@pytest.mark.parametrize(("lock", "declared"), [("runtime.lock", RUNTIME), ("dev.lock", DEV)])
def test_every_declared_package_is_locked(lock: str, declared: list[str]) -> None:
    names = {re.sub(r"\[.*\]", "", name) for name in locked(lock)}
    assert {canonical(requirement) for requirement in declared} - names == set()


@pytest.mark.parametrize("lock", ["bootstrap.lock", "runtime.lock", "dev.lock"])
def test_every_entry_has_hashes_and_no_address(lock: str) -> None:
    for entries in locked(lock).values():
        for entry in entries:
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:80]
            assert "://" not in entry
            assert not entry.startswith("-")


def test_what_runs_has_the_same_versions_as_what_is_developed() -> None:
    dev = locked("dev.lock")
    for lock in ("runtime.lock", "bootstrap.lock"):
        for name, entries in locked(lock).items():
            if name in dev:
                assert [e.split()[0] for e in entries] == [e.split()[0] for e in dev[name]]


def test_every_dependency_has_its_reason_beside_it() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    tables = {"dependencies = [", "hub = [", "node = [", "dev = ["}
    inside = False
    for line in lines:
        if line in tables:
            inside = True
        elif line == "]":
            inside = False
        elif inside and line.strip():
            assert "# " in line, line
