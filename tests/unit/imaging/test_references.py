"""References among real objects and made ones: what resolves, and what a change of UIDs may not change."""

import random
import warnings
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from oncofed.imaging.elements import walk
from oncofed.imaging.references import STANDARD_ROOT, Comparison, Graph, Kind, Mention, compare, graph, read

SEG, RTSTRUCT, RWV, ANN = (STANDARD_ROOT + "5.1.4.1.1." + end for end in ("66.4", "481.3", "67", "91.1"))
CT = STANDARD_ROOT + "5.1.4.1.1.2"


def objects(folder: Path) -> dict[str, Dataset]:
    """The DICOM files of a folder by name, without pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            str(path.relative_to(folder)): pydicom.dcmread(path, stop_before_pixels=True)
            for path in sorted(folder.rglob("*.dcm"))
        }


def graph_of(datasets: dict[str, Dataset]) -> Graph:
    return graph((label, read(dataset)) for label, dataset in datasets.items())


def with_uids(dataset: Dataset, change: Callable[[str], str]) -> Dataset:
    """The same object with every UID of an object changed."""

    def mapped(item: Dataset, element: pydicom.DataElement) -> None:
        if element.VR == "UI" and element.value:
            values = [element.value] if isinstance(element.value, str) else list(element.value)
            new = [one if one.startswith(STANDARD_ROOT) else change(one) for one in map(str, values)]
            element.value = new if len(new) > 1 else new[0]

    dataset.walk(mapped)
    return dataset


def ct(number: int, *, series: str = "1.2.3.5") -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT, f"1.2.3.4.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = "1.2.3.1", series, "1.2.3.9"
    return dataset


def pointing(*instances: str, sop_class: str = CT) -> Dataset:
    dataset = ct(100, series="1.2.3.6")
    dataset.ReferencedImageSequence = Sequence()
    for uid in instances:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        dataset.ReferencedImageSequence.append(item)
    return dataset


def small() -> dict[str, Dataset]:
    return {"a": ct(1), "b": ct(2), "c": ct(3, series="1.2.3.7"), "p": pointing("1.2.3.4.1", "1.2.3.4.2", "9.9")}


def difference(change: Callable[[dict[str, Dataset]], object]) -> Comparison:
    after = small()
    change(after)
    return compare(graph_of(small()), graph_of(after))


class TestRealObjects:
    def test_what_resolves_in_the_corpus_is_what_its_manifest_says(self, shared: Path) -> None:
        found = graph_of(objects(shared / "dicom" / "pt_sarcoma_sts001")).by_class()
        assert found == {RTSTRUCT: (346, 0)}  # 267 images, their series and study, and 77 frames of reference
        found = graph_of(objects(shared / "dicom" / "mr_breast_ucsf06")).by_class()
        assert found[SEG][0] >= 84

    def test_every_kind_of_object_that_points_is_seen(self, shared: Path) -> None:
        found = graph_of(objects(shared / "dicom"))
        pointing_classes = set(found.by_class())
        assert {SEG, RTSTRUCT, RWV, ANN} < pointing_classes
        assert {STANDARD_ROOT + "5.1.4.1.1.88.33", STANDARD_ROOT + "5.1.4.1.1.88.34"} < pointing_classes  # SR

    def test_a_change_of_all_uids_by_one_function_changes_nothing(self, shared: Path) -> None:
        before = graph_of(objects(shared / "dicom" / "seg_sr_dcmqi"))
        after = {
            name: with_uids(dataset, lambda uid: f"2.25.{abs(hash(uid))}")
            for name, dataset in objects(shared / "dicom" / "seg_sr_dcmqi").items()
        }
        comparison = compare(before, graph_of(after))
        assert comparison.same
        assert comparison.resolved_before == comparison.resolved_after == before.resolved_count > 20

    def test_uids_changed_per_file_break_every_reference_to_another_object(self, shared: Path) -> None:
        """What a tool does that draws a new random UID wherever it meets one."""
        chance = random.Random(1)
        folder = shared / "dicom" / "ct_liver_crlm1004"
        images = dict(list(objects(folder).items())[:5])
        before = graph_of(images)
        assert before.groups
        after = {n: with_uids(d, lambda _: f"2.25.{chance.getrandbits(96)}") for n, d in images.items()}
        comparison = compare(before, graph_of(after))
        assert not comparison.alive
        assert {kind for _, kind in comparison.regrouped} >= {Kind.SERIES, Kind.STUDY}


class TestComparison:
    def test_the_same_objects_are_the_same(self) -> None:
        comparison = difference(lambda _: None)
        assert comparison.same
        assert comparison.alive
        assert (comparison.resolved_before, comparison.dangling_before) == (2, 1)

    def test_a_reference_to_nowhere_is_broken(self) -> None:
        def change(after: dict[str, Dataset]) -> None:
            after["p"].ReferencedImageSequence[0].ReferencedSOPInstanceUID = "8.8"

        comparison = difference(change)
        assert comparison.broken == {("p", Kind.INSTANCE): 1}
        assert not comparison.alive

    def test_a_reference_to_another_object_is_broken(self) -> None:
        def change(after: dict[str, Dataset]) -> None:
            after["p"].ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2.3.4.3"

        comparison = difference(change)
        assert comparison.broken == {("p", Kind.INSTANCE): 1}
        assert comparison.resolved_after == comparison.resolved_before  # a count alone does not see it

    def test_a_reference_gone_with_its_sequence_is_removed_and_not_broken(self) -> None:
        comparison = difference(lambda after: after["p"].pop("ReferencedImageSequence"))
        assert comparison.removed == {("p", Kind.INSTANCE): 2}
        assert comparison.alive
        assert not comparison.same

    def test_a_dangling_reference_that_begins_to_resolve_is_gained(self) -> None:
        def change(after: dict[str, Dataset]) -> None:
            after["p"].ReferencedImageSequence[2].ReferencedSOPInstanceUID = "1.2.3.4.3"

        assert difference(change).gained == {("p", Kind.INSTANCE): 1}

    @pytest.mark.parametrize("keyword", ["SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"])
    @pytest.mark.parametrize("value", ["7.7", None])
    def test_an_image_that_leaves_its_series_is_regrouped(self, keyword: str, value: str | None) -> None:
        def change(after: dict[str, Dataset]) -> None:
            if value:
                setattr(after["b"], keyword, value)
            else:
                delattr(after["b"], keyword)

        comparison = difference(change)
        assert "b" in {label for label, _ in comparison.regrouped}

    def test_two_series_that_become_one_are_regrouped(self) -> None:
        def change(after: dict[str, Dataset]) -> None:
            after["c"].SeriesInstanceUID = after["a"].SeriesInstanceUID

        assert {label for label, _ in difference(change).regrouped} == {"a", "b", "c"}

    def test_graphs_of_different_objects_are_not_compared(self) -> None:
        with pytest.raises(ValueError, match="different objects"):
            compare(graph_of(small()), graph_of({"a": ct(1)}))


class TestKinds:
    def test_records_of_the_information_system_do_not_count_as_dangling(self) -> None:
        found = graph_of({"p": pointing("9.9", sop_class=STANDARD_ROOT + "3.1.2.3.3")})
        assert found.dangling_count == 0
        assert found.dangling == {("p", Kind.SYSTEM): 1}
        assert found.by_class() == {}

    def test_standard_uids_are_no_references(self) -> None:
        assert graph_of({"p": pointing(STANDARD_ROOT + "1.2")}).dangling_count == 0

    def test_a_reference_without_class_is_one(self) -> None:
        dataset = pointing("1.2.3.4.100")
        del dataset.ReferencedImageSequence[0].ReferencedSOPClassUID
        assert graph_of({"p": dataset}).edges == {("p", Kind.INSTANCE, "p"): 1}

    def test_a_uid_of_a_content_item_may_name_any_object(self) -> None:
        dataset = ct(100)
        items = []
        for uid in ("1.2.3.5", "1.2.3.9", "5.5"):
            item = Dataset()
            item.ValueType, item.UID = "UIDREF", uid
            items.append(item)
        dataset.ContentSequence = Sequence(items)
        found = graph_of({"p": dataset})
        assert found.edges == {("p", Kind.ANY, "p"): 2}
        assert found.dangling == {("p", Kind.ANY): 1}

    def test_an_object_without_uids_points_at_nothing(self) -> None:
        assert read(Dataset()) == Mention("", {})


def test_places_are_written_as_in_the_standard() -> None:
    places = {element.place for element in walk(pointing("1.2"))}
    assert "(0008,1140)[0].(0008,1155)" in places
    assert "(0020,000D)" in places
