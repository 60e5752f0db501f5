"""The plain sentence: the right words for each kind of criterion, and never two questions with one sentence."""

import pytest
from hypothesis import given

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.explain import criterion_phrase
from oncofed.contracts.query import Criterion, Query, parse
from oncofed.contracts.vocabulary import domain
from tests.factories.queries import canonical_queries

SENTENCES = [
    ("", "All human patients."),
    ("species = any", "All patients and phantoms of any species."),
    ("species is recorded", "All patients and phantoms of a recorded species."),
    ("species = mouse or dog", "All mice or dogs."),
    ("species = human or missing", "All human patients or patients of no recorded species."),
    ("women", "Human patients who are female."),
    ("sex = female or missing", "Human patients who are female (or with no recorded sex at birth)."),
    ("sex is missing", "Human patients with no recorded sex at birth."),
    ("dogs and vital status = dead", "Dogs who are dead."),
    ("diagnosis = lung", "Human patients with a diagnosis of Lung (any narrower diagnosis included)."),
    ("diagnosis = LUAD", "Human patients with a diagnosis of Lung Adenocarcinoma."),
    ("age 50..69", "Human patients aged 50–69 at imaging (age at imaging, not at diagnosis)."),
    ("age at diagnosis >= 90", "Human patients aged 90 or more at diagnosis."),
    ("age at diagnosis in (50-54, 60-64)", "Human patients aged 50–54 or 60–64 at diagnosis."),
    ("year 2010..2012", "Human patients imaged in 2010–2012."),
    ("year 2010", "Human patients imaged in 2010."),
    ("year of diagnosis >= 2035", "Human patients diagnosed in 2035 or later."),
    ("psa 4..10", "Human patients with PSA 4 to under 10 ng/mL."),
    ("psa >= 100", "Human patients with PSA 100 ng/mL or more."),
    ("gleason >= 9", "Human patients with Gleason score 9 or 10."),
    ("cT = T2a", "Human patients with cT category T2a."),
    ("treatment = surgery or chemo", "Human patients treated with surgery or chemotherapy."),
    ("annotation = SEG", "Human patients with an annotation of the kind segmentation."),
    ("modality = MR", "Human patients with a series of modality magnetic resonance."),
    ("body part = pelvis", "Human patients with a series of body part pelvis (its parts included)."),
    ("sequence = flair", "Human patients with a series of MR sequence FLAIR."),
    ("psa is recorded", "Human patients with a recorded PSA."),
    (
        "modality = MR and body part = breast",
        "Human patients with a series of modality magnetic resonance, with a series of body part breast "
        "(these series need not be the same one).",
    ),
    (
        "not modality = CT",
        "Human patients with no series of modality computed tomography (where a modality is recorded).",
    ),
    (
        "not annotation = SEG or missing",
        "Human patients with no annotation segmentation (also where no annotation is recorded).",
    ),
    (
        "same series (modality = MR and field strength 2.5..3.5)",
        "Human patients with one series that has modality magnetic resonance and magnetic field strength 2.5 to under "
        "3.5 T.",
    ),
    (
        "not same series (modality = MR and contrast = none)",
        "Human patients with no series that has modality magnetic resonance and contrast phase no contrast "
        "(and at least one for which that is recorded).",
    ),
    (
        "not same series (modality = MR and contrast = none) or missing",
        "Human patients with no series that has modality magnetic resonance and contrast phase no contrast "
        "(or none for which that is recorded).",
    ),
    (
        "same study (timepoint = baseline and same series (modality = MR and contrast is missing) and modality != CT)",
        "Human patients with one study that has imaging time point baseline, before treatment and modality other than "
        "computed tomography and a series with modality magnetic resonance and no recorded contrast phase.",
    ),
    (
        "same study (timepoint is recorded and not same series (modality = MR and contrast = none or missing))",
        "Human patients with one study that has a recorded imaging time point and no series with modality magnetic "
        "resonance and contrast phase no contrast or no recorded contrast phase.",
    ),
    ("same series (modality = any)", "Human patients with one series that has any modality, recorded or not."),
    (
        "same study (not annotation = SEG or missing and modality = CT)",
        "Human patients with one study that has annotation other than segmentation (or none recorded) and modality "
        "computed tomography.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), SENTENCES)
def test_a_query_is_one_sentence(text: str, sentence: str) -> None:
    assert parse(text).query.explain() == sentence


@given(canonical_queries())
def test_every_query_has_one_whole_sentence(query: Query) -> None:
    sentence = query.explain()
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "{" not in sentence
    assert "  " not in sentence


@given(canonical_queries(max_parts=2), canonical_queries(max_parts=2))
def test_two_questions_never_share_a_sentence(one: Query, other: Query) -> None:
    assert (one.explain() == other.explain()) == (one == other)


@pytest.mark.parametrize("name", CRITERIA)
def test_each_criterion_has_a_phrase_of_its_own(name: str) -> None:
    phrases = {
        criterion_phrase(Criterion(criterion=name, values=(value,), negated=negated))
        for value in domain(name)
        for negated in (False, True)
    }
    assert len(phrases) == 2 * len(domain(name))
    whole = Criterion(criterion=name, values=(*domain(name), "missing"))
    assert "recorded or not" in criterion_phrase(whole)
