"""Live draws: functions of secret and question alone."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.contracts.query import Criterion, Query
from oncofed.contracts.vocabulary import cells
from oncofed.disclosure.live import SIGMA, Question, draw

SECRET = b"s" * 32
DIGESTS = ("aa" * 32, "bb" * 32)
KEY = "12" * 32


def question(by: str | None = None, key: str = KEY, digests: tuple[str, ...] = DIGESTS) -> Question:
    return Question(key, by, frozenset(digests))


def secret(seed: int) -> bytes:
    return seed.to_bytes(32, "big")


@given(st.binary(min_size=32, max_size=32), st.integers(0, 10**6), st.sampled_from([None, "sex", "modality"]))
def test_the_noise_depends_on_secret_and_question_never_on_the_result(key: bytes, count: int, by: str | None) -> None:
    asked = question(by)
    exact = {asked.domain[0]: count}
    noise = draw(key, asked, {})
    assert draw(key, asked, exact) == noise | {asked.domain[0]: noise[asked.domain[0]] + count}


@pytest.mark.parametrize(
    "other",
    [
        question(key="13" * 32),
        question(by="sex"),
        question(digests=DIGESTS[:1]),
        question(digests=(DIGESTS[0], "cc" * 32)),
    ],
)
def test_every_part_of_the_question_counts(other: Question) -> None:
    first = question()
    assert first.digest != other.digest
    noise = [(draw(secret(i), first, {})[""], next(iter(draw(secret(i), other, {}).values()))) for i in range(400)]
    mean = sum(one * two for one, two in noise) / len(noise)
    assert abs(mean) < 4.9 * SIGMA**2 / 400**0.5  # uncorrelated: nothing to cancel between questions


def test_order_and_repetition_of_releases_do_not_count() -> None:
    assert question(digests=(DIGESTS[1], DIGESTS[0], DIGESTS[1])) == question()
    assert question(digests=DIGESTS[::-1]).digest == question().digest


def test_equivalent_spellings_are_one_question() -> None:
    modality = Criterion(criterion="modality", values=("MR", "CT"))
    sex = Criterion(criterion="sex", values=("female",))
    not_male = Criterion(criterion="sex", values=("male", "other"), negated=True)
    spellings = [Query(all=(modality, sex)), Query(all=(sex, modality, sex)), Query(all=(not_male, modality))]
    assert len({question(key=query.key).digest for query in spellings}) == 1
    assert Query(all=(sex,)).key != spellings[0].key


def test_a_breakdown_tells_every_cell_of_its_domain_and_is_charged_for_all() -> None:
    asked = question("modality")
    assert tuple(draw(SECRET, asked, {"MR": 7})) == cells("modality")
    assert asked.cost == len(cells("modality"))
    assert question().cost == 1


def test_cells_of_a_breakdown_have_noise_of_their_own() -> None:
    noise = Counter(draw(SECRET, question("year_of_imaging"), {}).values())
    assert len(noise) > 15


def test_a_union_gets_one_draw() -> None:
    many = Question(KEY, None, frozenset(f"{i:064x}" for i in range(179)))
    spread = [draw(secret(i), many, {})[""] for i in range(2000)]
    variance = sum(noise**2 for noise in spread) / len(spread)
    assert variance == pytest.approx(SIGMA**2, rel=0.25)  # 179 draws would give 179 times that


def test_zero_is_noisy_like_any_other_number() -> None:
    answers = [draw(secret(i), question(), {"": 0})[""] for i in range(2000)]
    assert min(answers) < -20 < 20 < max(answers)
    assert answers.count(0) < 2000 * 0.08  # P(0) = 0.05


def test_a_count_outside_the_domain_is_an_error() -> None:
    with pytest.raises(ValueError, match="domain"):
        draw(SECRET, question("sex"), {"unheard-of": 1})
    with pytest.raises(ValueError, match="domain"):
        draw(SECRET, question(), {"female": 1})


def test_the_question_digest_never_changes() -> None:
    assert question().digest == "a3f4c8d7682c69c40dfb9661e12f9c953823e9e51adfb8b12a272d8295ce468e"
    assert draw(SECRET, question(), {"": 100}) == {"": 84}
