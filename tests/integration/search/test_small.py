"""What is left to say of search: names in logs, groups in a query, the first node's silence."""

import pytest
from django.db import OperationalError

from oncofed.contracts.query import parse
from oncofed.hub.catalogue.models import Dataset, Edition, Release
from oncofed.hub.catalogue.shelf import shelf
from oncofed.hub.search import actions, queries, warming
from oncofed.hub.search.models import AskedNode
from oncofed.hub.search.plan import criteria_of
from oncofed.hub.search.warming import warm
from tests.factories import hub
from tests.factories.published import release

pytestmark = pytest.mark.django_db


def test_rows_have_names() -> None:
    ada = hub.person()
    hub.node("north", release("a1"))
    ask = actions.ask(by=ada, query=parse("modality = MR").query)
    saved = actions.save_search(by=ada, title="Breast", query=parse("modality = MR").query)
    assert str(ask).startswith(str(ask.id))
    assert str(AskedNode.objects.get()) == f"{ask.id} north answered"
    assert str(saved) == "Breast"
    assert list(queries.saved_searches(ada)) == [saved]
    assert str(Dataset.objects.get()) == "a1"
    assert str(Release.objects.get()) == "a1 v1"
    assert str(Edition.objects.get()).isdigit()


def test_criteria_inside_groups_must_be_recorded_too() -> None:
    query = parse("same study (annotation = SEG and same series (modality = MR and field strength >= 2.5))").query
    assert criteria_of(query, "sex") == {"annotation", "modality", "field_strength", "sex"}


def test_other_species_and_derived_body_parts_have_their_notes() -> None:
    ada = hub.person()
    hub.node("north", release("a1"))
    ask = actions.ask(by=ada, query=parse("species = mouse and derived body part = breast").query)
    outcome = queries.outcome(ask)
    codes = {note.code for note in outcome.notes}
    assert "derived-body-part" in codes
    assert not {"species-human", "counted-twice"} & codes
    assert outcome.not_recorded == ()


def test_long_lists_are_cut() -> None:
    from oncofed.hub.search.notes import listed

    assert listed(list("abc")) == "a, b, c"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"


@pytest.mark.django_db(transaction=True)
def test_the_first_question_finds_everything_ready() -> None:
    hub.node("north", release("a1"))
    warm()
    assert "pooled" in shelf().memory


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_not_ready_does_not_keep_the_hub_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OperationalError("no such table")

    monkeypatch.setattr(warming, "facets", broken)
    warm()
