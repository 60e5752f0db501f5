"""The wire form of a marginal: axes and counts for a full table, a mapping otherwise, one value either way."""

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oncofed.contracts.catalogue import Marginal
from oncofed.contracts.vocabulary import cells

LABELS = st.lists(st.text("abcdefg-+<.0123", min_size=1, max_size=8), min_size=1, max_size=5, unique=True)


@given(LABELS, LABELS, st.randoms(use_true_random=False), st.booleans())
def test_every_marginal_survives_the_wire(one: list[str], other: list[str], random: Any, whole: bool) -> None:
    keys = ["|".join(cell) for cell in product(one, other)]
    random.shuffle(keys)
    keys = keys if whole else keys[: len(keys) // 2]
    marginal = Marginal(criteria=("a", "b"), cells={key: random.randint(-9, 99) for key in keys}, sigma=1.5)
    again = Marginal.model_validate_json(marginal.model_dump_json())
    assert again == marginal
    assert again.canonical_bytes() == marginal.canonical_bytes()
    assert Marginal(criteria=("a", "b"), cells=dict(sorted(marginal.cells.items())), sigma=1.5).canonical_bytes() == (
        marginal.canonical_bytes()
    )


def test_the_population_is_one_cell() -> None:
    population = Marginal(criteria=(), cells={"": 7}, sigma=0)
    assert json.loads(population.model_dump_json())["cells"] == {"axes": [], "counts": [7]}
    assert Marginal.model_validate_json(population.model_dump_json()) == population


def test_a_full_table_is_short_on_the_wire() -> None:
    table = {"|".join(cell): 17 for cell in product(cells("diagnosis"), cells("modality"))}
    written = Marginal(criteria=("diagnosis", "modality"), cells=table, sigma=10.0).model_dump_json()
    assert len(written) < len(json.dumps(table)) / 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"axes": [["a", "b"]], "counts": [1]},
        {"axes": [["a", "a"]], "counts": [1, 2]},
        {"axes": [["a|b"]], "counts": [1]},
        {"axes": [["a"], 3], "counts": [1]},
        {"axes": [[1]], "counts": [1]},
        {"axes": [[["a"]]], "counts": [1]},
        {"axes": 1, "counts": [1]},
        {"axes": [["a"]], "counts": ["x"]},
        {"axes": [["a"]]},
        [1, 2],
    ],
)
def test_tables_that_do_not_fit_are_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Marginal.model_validate({"criteria": ["a"], "cells": wrong, "sigma": 0})
