"""Events: in the transaction of what they tell of, and never changed."""

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError

from oncofed.hub.trace import queries
from oncofed.hub.trace.actions import Fact, record, record_all
from oncofed.hub.trace.models import Event


@pytest.mark.django_db
def test_events_are_added_and_listed():
    record(kind="node.enrolled", by="node:n", subject="n", body={"key": "k"})
    record_all([Fact("node.session", "node:n", "n", {}), Fact("search.asked", "person:1", "a", {"query": {"all": []}})])
    record_all([])
    found = list(queries.events())
    assert [str(event) for event in found] == ["search.asked a", "node.session n", "node.enrolled n"]
    assert found[0].body == {"query": {"all": []}}
    assert queries.events(kind="node.").count() == 2
    assert queries.events(subject="a", by="person:1").get().kind == "search.asked"
    assert not queries.events(by="nobody")


@pytest.mark.django_db
def test_history_is_not_rewritten():
    event = record(kind="k", by="b", subject="s")
    event.kind = "other"
    for change in (event.save, event.delete, Event.objects.all().delete, lambda: Event.objects.update(kind="x")):
        with pytest.raises(TypeError):
            change()
    assert Event.objects.get().kind == "k"


@pytest.mark.django_db(transaction=True)
def test_an_event_stands_only_with_what_it_tells_of():
    with pytest.raises(TransactionManagementError):
        record(kind="k", by="b", subject="s")

    @transaction.atomic
    def change():
        record(kind="k", by="b", subject="s")
        _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        change()
    assert not Event.objects.exists()
