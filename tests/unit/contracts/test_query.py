"""The query as a wire type: closed, frozen, and light to import at a node."""

import subprocess
import sys

import pytest
from hypothesis import given
from pydantic import ValidationError

from oncofed.contracts import query as module
from oncofed.contracts.errors import QueryError
from oncofed.contracts.query import Criterion, Group, Query, parse, query_of
from tests.factories.queries import canonical_queries

MR = Criterion(criterion="modality", values=("MR",))


@given(canonical_queries())
def test_a_query_crosses_the_wire_unchanged(query: Query) -> None:
    assert query_of(query.model_dump(mode="json")) == query


def test_a_payload_is_made_canonical() -> None:
    assert query_of({"all": [{"criterion": "modality", "values": ["MR", "MR"]}]}) == parse("modality = MR").query


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"all": [{"criterion": "modality", "values": []}]}, "query-syntax"),
        ({"all": [{"criterion": "modality"}]}, "query-syntax"),
        ({"all": [{"same": "series", "all": []}]}, "query-syntax"),
        ({"all": [{"same": "patient", "all": [{"criterion": "sex", "values": ["male"]}]}]}, "query-syntax"),
        ({"any": []}, "query-syntax"),
        ({"all": [{"criterion": "modality", "values": ["MRI"]}]}, "query-unknown-value"),
        ({"all": [{"criterion": "sex; DROP TABLE patient", "values": ["male"]}]}, "query-syntax"),
        ({"all": [{"criterion": "sex", "values": ["male' OR 1=1"]}]}, "query-unknown-value"),
    ],
)
def test_a_payload_outside_the_grammar_is_refused(payload: dict[str, object], code: str) -> None:
    with pytest.raises(QueryError) as caught:
        query_of(payload)
    assert caught.value.code == code


def test_a_payload_of_any_depth_is_refused_not_followed() -> None:
    payload: dict[str, object] = {"criterion": "modality", "values": ["MR"]}
    for _ in range(100):
        payload = {"same": "series", "all": [payload]}
    with pytest.raises(QueryError) as caught:
        query_of({"all": [payload]})
    assert caught.value.code in {"query-too-large", "query-syntax"}


def test_a_query_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Query(all=(MR,)).all = ()  # type: ignore[misc]


def test_the_key_names_canonicaliser_and_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Query(all=(MR,)).key
    assert len(key) == 64
    monkeypatch.setattr(module, "CANONICALISER_VERSION", "2")
    other = Query(all=(MR,)).key
    monkeypatch.setattr(module, "VOCABULARY_VERSION", "3000.1")
    assert len({key, other, Query(all=(MR,)).key}) == 3


def test_canonical_forms_change_only_with_the_version() -> None:
    """Frozen examples: when this fails, an earlier answer is no longer found. Raise CANONICALISER_VERSION."""
    group = Group(same="series", all=(MR, Criterion(criterion="field_strength", values=("2.5-<3.5",))))
    assert (module.CANONICALISER_VERSION, module.VOCABULARY_VERSION) == ("1", "2026.1")
    assert Query().key == "6dc91ff43af89a72598327d6cdc39ac4aaf6271e17ec8f78118e1a46c377c8d7"
    assert Query(all=(group,)).key == "a969c62ffeb33b81bec2ee034f84b1dd41bd2747f88c16935b74904a49e5b64d"


def test_a_node_imports_the_query_without_the_grammar() -> None:
    code = "import sys, oncofed.contracts.query; print('lark' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
