"""The ledger: first answers are final, survive everything, and are charged."""

import sqlite3

import pytest

from oncofed.contracts.errors import Corrupt, Unreachable
from oncofed.contracts.exchange import Result, ResultStatus
from oncofed.disclosure.budget import Spend
from oncofed.disclosure.live import Question
from oncofed.node.ledger import Ledger, Unconfirmed
from oncofed.trust import SigningKey
from tests.factories.nodes import KEY

CHARGE = (2026, "uni-one", ("breast", "lung"))


def question(number: int) -> Question:
    return Question(f"{number:064x}", None, frozenset({"a" * 64}))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


def test_the_first_answer_is_final_and_survives_a_restart(path):
    first = Ledger(path, KEY).commit(question(1), {"": 41}, charge=CHARGE)
    again = Ledger(path, KEY)
    assert again.commit(question(1), {"": 99}, charge=(2026, "firm", ("breast",))) == first
    assert again.find(question(1)) == first
    assert again.find(question(2)) is None
    assert [one.answer for one in again.entries()] == [{"": 41}]


def test_every_lineage_of_a_union_is_charged_once_for_all_cells(path):
    ledger = Ledger(path, KEY)
    ledger.commit(question(1), {"CT": 4, "MR": 5, "missing": 0}, charge=CHARGE)
    ledger.commit(question(1), {"CT": 4, "MR": 5, "missing": 0}, charge=CHARGE)
    ledger.commit(question(2), {"": 4}, charge=(2026, "uni-one", ("lung",)))
    ledger.commit(question(3), {"": 4}, charge=(2027, "firm", ("lung",)))
    assert ledger.spent(2026) == [Spend(2026, "uni-one", "breast", 3), Spend(2026, "uni-one", "lung", 4)]
    assert Ledger(path, KEY).spent(2026, ["lung"]) == [Spend(2026, "uni-one", "lung", 4)]
    assert ledger.spent(2028) == []
    assert ledger.latest_year() == 2027


def test_entries_are_a_signed_chain(path):
    ledger = Ledger(path, KEY)
    for number in range(3):
        ledger.commit(question(number), {"": number}, charge=CHARGE)
    assert ledger.check() == 3
    assert Ledger(":memory:", KEY).check() == 0
    with pytest.raises(Corrupt, match="ledger-broken"):
        Ledger(path, SigningKey.generate()).check()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entry WHERE sequence = 2",
        """UPDATE entry SET body = replace(body, '"":1', '"":2') WHERE sequence = 2""",
        "UPDATE entry SET body = '{}' WHERE sequence = 2",
    ],
)
def test_a_ledger_that_was_altered_is_told(path, statement):
    ledger = Ledger(path, KEY)
    for number in range(3):
        ledger.commit(question(number), {"": number}, charge=CHARGE)
    database = sqlite3.connect(path, isolation_level=None)
    assert database.execute(statement).rowcount == 1
    database.close()
    with pytest.raises(Corrupt, match="ledger-broken"):
        ledger.check()


def test_lost_entries_can_be_taken_back_with_their_charges(path):
    whole, restored = Ledger(path, KEY), Ledger(":memory:", KEY)
    for number in range(3):
        whole.commit(question(number), {"": number}, charge=CHARGE)
    restored.commit(question(0), {"": 0}, charge=CHARGE)
    restored.adopt(list(whole.entries())[1:])
    assert restored.last() == whole.last()
    assert restored.spent(2026) == whole.spent(2026)
    assert restored.check() == 3


def test_a_full_disk_changes_nothing(path):
    ledger = Ledger(path, KEY)
    ledger.commit(question(1), {"": 1}, charge=CHARGE)
    ledger._database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(Unreachable, match="disk-full"):
        ledger.commit(question(2), {str(cell): cell for cell in range(5000)}, charge=CHARGE)
    assert Ledger(path, KEY).check() == 1
    assert ledger.spent(2026) == [Spend(2026, "uni-one", "breast", 1), Spend(2026, "uni-one", "lung", 1)]


def test_results_wait_until_they_are_confirmed(path):
    results = [
        Unconfirmed(Result(task_id=str(n), status=ResultStatus.REFUSED, code="outside-hours"), {"question": str(n)})
        for n in range(3)
    ]
    ledger = Ledger(path, KEY)
    ledger.keep(results)
    ledger.keep(results[:1])
    again = Ledger(path, KEY)
    assert sorted(one.result.task_id for one in again.unconfirmed(9)) == ["0", "1", "2"]
    assert len(again.unconfirmed(2)) == 2
    again.confirm(["0", "2", "unknown"])
    assert ledger.unconfirmed(9) == results[1:2]


def test_a_cube_is_charged_once(path):
    ledger = Ledger(path, KEY)
    for year in (2026, 2027):
        ledger.publish("a" * 64, lineage="breast", year=year, epsilon=4.0)
    ledger.publish("b" * 64, lineage="breast", year=2027, epsilon=3.5)
    assert ledger.published(2026) == [("a" * 64, "breast", 4.0)]
    assert ledger.published(2027) == [("b" * 64, "breast", 3.5)]
    assert ledger.was_published("a" * 64)
    assert not ledger.was_published("c" * 64)
    assert ledger.latest_year() == 2027
    assert Ledger(":memory:", KEY).latest_year() is None


def test_the_epoch_is_remembered(path):
    ledger = Ledger(path, KEY)
    assert ledger.epoch == 0
    ledger.open_session(4)
    ledger.open_session(5)
    ledger.close()
    assert Ledger(path, KEY).epoch == 5
