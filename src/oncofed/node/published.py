"""Which releases this node has published: what the hub may ask about, and nothing else."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from oncofed.contracts.base import CriterionName, Digest, Short, Wire
from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.errors import Corrupt
from oncofed.files import write_durably


class PublishedRelease(Wire):
    """A release as it was published, without its numbers."""

    dataset: DatasetRecord
    release: Short
    digest: Digest
    supports: tuple[CriterionName, ...]


class Published(Wire):
    """All of them. While a publication is under way, those of before and those of after."""

    releases: tuple[PublishedRelease, ...] = ()

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], PublishedRelease]:
        return {(one.dataset.dataset_id, one.digest): one for one in self.releases}

    def find(self, dataset_id: str, digest: str) -> PublishedRelease | None:
        """The release of a dataset with that digest, if it is published."""
        return self._by_name.get((dataset_id, digest))

    def joined(self, others: Iterable[PublishedRelease]) -> "Published":
        """These and ``others``."""
        return Published(
            releases=(*self.releases, *(o for o in others if not self.find(o.dataset.dataset_id, o.digest)))
        )


def read_published(file: Path) -> Published:
    """What is published; nothing before the first publication. ``Corrupt(publication-invalid)`` if damaged."""
    try:
        return Published.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return Published()
    except ValidationError as error:
        raise Corrupt("publication-invalid", f"{file.name} is damaged; run `oncofed node publish` again") from error


def write_published(file: Path, published: Published) -> None:
    """Put it on the disk."""
    write_durably(file, published.canonical_bytes() + b"\n")
