"""Writers of one process wait in line; nobody is told that the database is locked for a moment's work of another."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction

from oncofed.hub.accounts.models import Organisation
from oncofed.hub.core.sqlite import base

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def sqlite_only(transactional_db: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has many writers")


def in_threads(number: int, work: Callable[[int], None]) -> list[Exception]:
    """Run the work in threads of their own connections; what it raised."""
    raised: list[Exception] = []

    def run(index: int) -> None:
        try:
            work(index)
        except OperationalError as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_many_writers_all_get_their_turn():
    def work(index: int) -> None:
        for step in range(5):
            with transaction.atomic():
                Organisation.objects.create(organisation_id=f"o-{index}-{step}", title="x")
                time.sleep(0.002)

    assert in_threads(8, work) == []
    assert Organisation.objects.count() == 40


def test_a_failed_transaction_gives_its_place_away():
    Organisation.objects.create(organisation_id="one", title="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        Organisation.objects.create(organisation_id="one", title="x")
    assert in_threads(1, lambda _: Organisation.objects.create(organisation_id="two", title="x")) == []


def test_waiting_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(base, "WAIT_SECONDS", 0.05)

    def work(_: int) -> None:
        with transaction.atomic():
            pass

    with transaction.atomic():
        (error,) = in_threads(1, work)
    assert "locked" in str(error)
    assert in_threads(1, work) == []


def test_a_begin_that_fails_gives_its_place_away(monkeypatch: pytest.MonkeyPatch):
    class Closed:
        def execute(self, statement: str) -> None:
            raise OperationalError("disk I/O error")

    monkeypatch.setattr(connection, "cursor", Closed)
    with pytest.raises(OperationalError, match="disk"), transaction.atomic():
        pass
    monkeypatch.undo()
    connection.close()
    with transaction.atomic():
        assert not Organisation.objects.exists()
