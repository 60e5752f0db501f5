"""The count task: who gets which number, what it costs, and every refusal."""

from dataclasses import replace
from datetime import timedelta

import pytest

from oncofed.contracts.errors import Refused
from oncofed.contracts.exchange import CountSource, ResultStatus
from oncofed.contracts.query import parse
from oncofed.disclosure.constants import ORGANISATION_COUNTS
from oncofed.disclosure.live import SIGMA
from oncofed.node.cubes import Cubes
from oncofed.node.ledger import Ledger
from oncofed.node.policy import Policy
from oncofed.node.publication import Publisher
from oncofed.node.published import Published
from oncofed.node.tasks import KINDS, words
from oncofed.node.tasks.count import answer
from tests.factories.nodes import KEY, NOW, SECRET, answer_of, context, count_task, names, published


def exact(warehouse, text, *releases, by=None):
    return warehouse.count(parse(text).query, [(name, "1") for name in releases], by)


def test_protected_data_are_counted_with_noise_once(warehouse):
    node = context(warehouse)
    task = count_task(names(warehouse, "breast", "lung"))
    got = answer_of(answer(task, node, NOW))
    (part,) = got.parts
    assert part.source is CountSource.LIVE
    assert part.sigma == SIGMA
    assert part.epsilon == pytest.approx(0.1)
    assert {one.dataset_id for one in part.releases} == {"breast", "lung"}
    truth = exact(warehouse, "sex = female and modality = MR and age 40..70", "breast", "lung")[""]
    assert abs(part.cells[""] - truth) < 12 * SIGMA
    assert part.entry == node.ledger.last()
    assert got.budget_left == pytest.approx((ORGANISATION_COUNTS - 1) / 10)
    assert not got.unsupported
    assert not got.unavailable


def test_open_data_are_counted_exactly_and_cost_nothing(warehouse):
    node = context(warehouse)
    got = answer_of(answer(count_task(names(warehouse, "public"), by="modality"), node, NOW))
    (part,) = got.parts
    text = "sex = female and modality = MR and age 40..70"
    assert part.cells == exact(warehouse, text, "public", by="modality")
    assert (part.source, part.sigma, part.epsilon, part.entry) == (CountSource.EXACT, 0, 0, None)
    assert got.budget_left is None
    assert node.ledger.last() is None


def test_open_and_protected_data_are_never_added_up(warehouse):
    got = answer_of(answer(count_task(names(warehouse)), context(warehouse), NOW))
    assert [part.source for part in got.parts] == [CountSource.EXACT, CountSource.LIVE]
    assert {one.dataset_id for one in got.parts[0].releases} == {"public"}


def test_policy_can_treat_open_data_as_protected(warehouse):
    node = context(warehouse, policy='[datasets.public]\nclass = "protected"')
    (part,) = answer_of(answer(count_task(names(warehouse, "public")), node, NOW)).parts
    assert part.source is CountSource.LIVE


def test_the_same_question_has_one_answer_for_everyone_and_for_ever(warehouse, tmp_path):
    path = tmp_path / "ledger.sqlite"
    node = context(warehouse, Ledger(path, KEY))
    first = answer_of(answer(count_task(names(warehouse, "breast")), node, NOW))
    other_spelling = "age 40..70 and modality = MR and sex in (female) and species = human"
    later = context(warehouse, Ledger(path, KEY), policy="[answers]\nshow_numbers = false")
    for text, organisation in ((other_spelling, "firm"), ("sex = female and modality = MR and age 40..70", "uni-two")):
        task = count_task(names(warehouse, "breast"), text, organisation=organisation)
        again = answer_of(answer(task, later, NOW + timedelta(seconds=5)))
        assert again.parts[0].cells == first.parts[0].cells
        assert not again.parts[0].show
        assert again.budget_left == pytest.approx(ORGANISATION_COUNTS / 10)
    assert node.ledger.check() == 1


def test_a_breakdown_is_charged_for_the_whole_domain(warehouse):
    node = context(warehouse)
    task = count_task(names(warehouse, "breast"), by="her2")
    (part,) = answer_of(answer(task, node, NOW)).parts
    assert "missing" in part.cells
    assert part.epsilon == pytest.approx(len(part.cells) / 10)
    assert node.ledger.spent(2026)[0].counts == len(part.cells)


def test_when_the_budget_is_spent_known_answers_stay(warehouse):
    node = context(warehouse, policy="[budget]\nfor_each_organisation = 1")
    task = count_task(names(warehouse, "breast"))
    first = answer_of(answer(task, node, NOW))
    refused = answer(count_task(names(warehouse, "breast"), "sex = male and modality = CT and age 40..70"), node, NOW)
    assert (refused.status, refused.code) == (ResultStatus.REFUSED, "budget-organisation")
    assert refused.detail == ("breast",)
    assert refused.payload is None
    again = answer_of(answer(task, node, NOW))
    assert again.parts == first.parts
    assert again.budget_left == 0
    next_year = NOW + timedelta(days=300)
    fresh = count_task(names(warehouse, "breast"), "sex = male and modality = CT and age 40..70",
                       expires_at=next_year + timedelta(minutes=1))  # fmt: skip
    assert answer_of(answer(fresh, node, next_year)).budget_left == 0


def test_a_known_answer_stays_when_policy_lowers_the_budget_below_what_was_spent(warehouse):
    node = context(warehouse)
    first = answer_of(answer(count_task(names(warehouse, "breast")), node, NOW))
    tighter = context(warehouse, node.ledger, policy="[budget]\nfor_each_organisation = 0")
    again = answer_of(answer(count_task(names(warehouse, "breast")), tighter, NOW))
    assert again.parts == first.parts
    assert again.budget_left == 0


def test_all_organisations_together_have_a_budget(warehouse):
    node = context(warehouse, policy="[budget]\nfor_each_organisation = 5\nfor_all_together = 1")
    answer(count_task(names(warehouse, "breast")), node, NOW)
    other = count_task(names(warehouse, "breast", "lung"), "psa >= 10 and modality = MR and sex = male",
                       organisation="uni-two")  # fmt: skip
    result = answer(other, node, NOW)
    assert result.code == "budget-lineage"


def test_open_data_are_answered_though_the_budget_is_spent(warehouse):
    node = context(warehouse, policy="[budget]\nfor_each_organisation = 0")
    got = answer_of(answer(count_task(names(warehouse)), node, NOW))
    assert [part.source for part in got.parts] == [CountSource.EXACT]
    assert got.unavailable == ("breast", "lung")
    assert got.left_out == {"breast": "budget-organisation", "lung": "budget-organisation"}


def test_what_the_cube_can_say_comes_from_the_cube(warehouse):
    cubes, ledger = Cubes(":memory:"), Ledger(":memory:", KEY)
    publisher = Publisher(warehouse, cubes, ledger, SECRET)
    publication = publisher.publication(warehouse.releases(), Policy(), frozenset(), NOW)
    node = context(warehouse, ledger, marginals=cubes.marginal)
    for text, by in (("", None), ("sex = female", None), ("sex = female", "modality"), ("modality = MR", "sex")):
        task = count_task(names(warehouse, "breast", "lung"), text, by=by)
        (part,) = answer_of(answer(task, node, NOW)).parts
        assert part.source is CountSource.CUBE
        assert part.epsilon == 0
    assert ledger.last() is None
    population = [one.cube.population.cells[""] for one in publication.releases if one.dataset.dataset_id != "public"]
    everyone = answer_of(answer(count_task(names(warehouse, "breast", "lung"), ""), node, NOW))
    assert everyone.parts[0].cells == {"": sum(population)}
    assert everyone.budget_left == pytest.approx(ORGANISATION_COUNTS / 10)
    live = count_task(names(warehouse, "breast"), "same series (modality = MR and field strength >= 2.5)")
    assert answer_of(answer(live, node, NOW)).parts[0].source is CountSource.LIVE


def test_a_dataset_without_a_criterion_is_left_out_and_named(warehouse):
    everything = published(warehouse.releases())
    poorer = Published(
        releases=tuple(
            one.model_copy(update={"supports": tuple(set(one.supports) - {"her2", "psa"})})
            if one.dataset.dataset_id == "lung"
            else one
            for one in everything.releases
        )
    )
    node = context(warehouse, published=lambda: poorer)
    got = answer_of(answer(count_task(names(warehouse, "breast", "lung"), "her2 = 3+ and modality = MR"), node, NOW))
    assert got.unsupported == {"lung": ("her2",)}
    assert [one.dataset_id for one in got.parts[0].releases] == ["breast"]
    assert got.parts[0].entry.lineages == ("breast",)
    by = answer(count_task(names(warehouse, "lung"), "same study (modality = MR) and psa >= 10", by="her2"), node, NOW)
    assert (by.code, by.detail) == ("not-supported-here", ("her2", "psa"))


def test_datasets_that_may_not_be_searched_are_left_out(warehouse):
    node = context(warehouse, policy='[datasets.lung]\norganisations = ["firm"]')
    got = answer_of(answer(count_task(names(warehouse, "breast", "lung")), node, NOW))
    assert got.unavailable == ("lung",)
    assert got.left_out == {"lung": "not-searchable"}
    refused = answer(count_task(names(warehouse, "lung")), node, NOW)
    assert (refused.code, refused.detail) == ("not-searchable", ("lung",))


def test_a_release_that_was_withdrawn_is_refused(warehouse):
    node = context(warehouse, published=Published)
    result = answer(count_task(names(warehouse, "breast")), node, NOW)
    assert (result.code, result.detail) == ("release-withdrawn", ("breast",))
    other_digest = [one.model_copy(update={"digest": "0" * 64}) for one in names(warehouse, "breast")]
    assert answer(count_task(other_digest), context(warehouse), NOW).code == "release-withdrawn"


def test_the_reason_that_helps_most_is_given(warehouse):
    everything = published(warehouse.releases())
    without = Published(releases=tuple(one.model_copy(update={"supports": ("species",)}) for one in everything.releases
                                       if one.dataset.dataset_id != "lung"))  # fmt: skip
    node = context(warehouse, policy="[datasets.public]\nsearchable = false", published=lambda: without)
    assert answer(count_task(names(warehouse)), node, NOW).code == "release-withdrawn"
    assert answer(count_task(names(warehouse, "breast", "public")), node, NOW).code == "not-supported-here"


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ("[answers]\nenabled = false", "not-searchable"),
        ('[hours]\ndays = ["sunday"]', "outside-hours"),
        ("[answers]\nfoo = 1", "policy-invalid"),
    ],
)
def test_policy_comes_first(warehouse, policy, code):
    node = context(warehouse, policy=policy)
    assert answer(count_task(names(warehouse, "public")), node, NOW).code == code


def test_a_task_that_came_too_late_is_not_answered_and_not_charged(warehouse):
    node = context(warehouse)
    assert answer(count_task(names(warehouse), expires_at=NOW), node, NOW).code == "task-expired"
    assert node.ledger.last() is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"extra": 1}, "task-malformed"),
        ({"releases": "all"}, "task-malformed"),
        ({"by": "shoe_size"}, "query-unknown-criterion"),
        ({"query": {"all": [{"criterion": "sex"}]}}, "query-syntax"),
        ({"query": {"all": [{"criterion": "sex", "values": ["purple"]}]}}, "query-unknown-value"),
    ],
)
def test_what_is_not_a_question_is_refused(warehouse, change, code):
    task = count_task(names(warehouse, "breast"))
    broken = task.model_copy(update={"payload": {**task.payload, **change}})
    node = context(warehouse)
    assert answer(broken, node, NOW).code == code
    assert node.ledger.last() is None


def test_a_ledger_in_doubt_gives_no_live_count_but_all_else(warehouse):
    node = replace(context(warehouse), ledger_problem="ledger-behind")
    got = answer_of(answer(count_task(names(warehouse)), node, NOW))
    assert [part.source for part in got.parts] == [CountSource.EXACT]
    assert set(got.left_out.values()) == {"ledger-behind"}


def test_a_query_that_takes_too_long_is_refused_and_not_charged(warehouse):
    class Slow:
        def count(self, query, releases, by=None):
            raise Refused("query-timeout")

    node = replace(context(warehouse), warehouse=Slow())
    assert answer(count_task(names(warehouse, "breast")), node, NOW).code == "query-timeout"
    assert node.ledger.last() is None


def test_nothing_of_the_exact_count_is_in_what_leaves(warehouse):
    """With another secret the number is another one: the answer is a function of the draw, and holds nothing else."""
    task = count_task(names(warehouse, "breast"), task_id="one")
    results = [answer(task, replace(context(warehouse), noise_secret=bytes([n]) * 32), NOW) for n in range(20)]
    texts = set()
    for result in results:
        got = answer_of(result)
        cells = got.parts[0].cells[""]
        entry = got.parts[0].entry.model_copy(update={"answer": {}, "signature": ""})
        plain = got.model_copy(update={"parts": (got.parts[0].model_copy(update={"cells": {}, "entry": entry, "show": True}),)})  # fmt: skip  # noqa: E501
        texts.add(plain.model_dump_json())
        assert isinstance(cells, int)
    assert len({answer_of(one).parts[0].cells[""] for one in results}) > 5
    assert len(texts) == 1


def test_tasks_are_told_in_words(warehouse):
    said = words(count_task(names(warehouse, "breast"), by="modality", organisation="uni-one"))
    assert said["organisation"] == "uni-one"
    assert said["question"] == "sex = female and age at imaging 40..69 and modality = MR"
    assert said["datasets"] == ["breast"]
    broken = count_task(names(warehouse)).model_copy(update={"payload": {}})
    assert "question" not in words(broken)
    assert set(KINDS) == {"count"}
