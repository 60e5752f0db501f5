"""Source ``synthetic``: made-up, labelled, clinically coherent cases, the same for the same seed.

Public imaging data have no markers, stages, treatments or outcomes; this dataset does, so that every criterion can be
tried. Patients are drawn in chunks with NumPy, so a million of them need little memory. Nobody stands behind any row.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse.sources.base import Draft, Filling, SourceReport
from oncofed.warehouse.sources.columns import append_arrow
from oncofed.warehouse.sources.synthetic_clinic import Cases, clinical_rows, draw_cases
from oncofed.warehouse.sources.synthetic_images import Images, draw_images, image_rows

CHUNK = 50_000
"""Patients drawn at once."""
ISSUER = "synthetic"
_LABEL = "Synthetic"
_NOT_GENERATED = frozenset({"derived_body_part"})


@dataclass(frozen=True)
class SyntheticSource:
    """``patients`` made-up patients. The record is marked synthetic, in its title as well."""

    record: DatasetRecord
    patients: int = 1000
    seed: int = 1

    name = "synthetic"
    mapping_version = "2"
    issuer = ISSUER

    def fill(self, filling: Filling) -> SourceReport:
        """Draw the patients chunk by chunk and insert them."""
        if self.patients < 1:
            raise BadInput("source-empty", "ask for at least one synthetic patient")
        rows = 0
        for begin in range(0, self.patients, CHUNK):
            count = min(CHUNK, self.patients - begin)
            filling.progress(f"drawing synthetic patients {begin + 1:,} to {begin + count:,} of {self.patients:,}")
            for table, columns in self._chunk(begin, count, filling.pseudonyms):
                rows += columns.num_rows
                dataset = pa.array([self.record.dataset_id]).take(pa.array(np.zeros(columns.num_rows, dtype=np.int8)))
                append_arrow(filling.connection, table, columns.add_column(0, "dataset_id", dataset))
        supports = tuple(name for name in CRITERIA if name not in _NOT_GENERATED)
        return SourceReport(drafts=(Draft(self._labelled(), supports),), rows_in=rows)

    def _labelled(self) -> DatasetRecord:
        title = self.record.title
        if "synthetic" not in title.lower():
            title = f"{_LABEL}: {title}"[:200]
        return self.record.model_copy(update={"synthetic": True, "title": title})

    def _chunk(self, begin: int, count: int, pseudonyms: Pseudonyms) -> Iterator[tuple[str, pa.Table]]:
        """The rows of patients ``begin`` … in every table, without ``dataset_id``."""
        draw = np.random.default_rng([self.seed, begin])
        names = [f"{self.seed}/{number}" for number in range(begin, begin + count)]
        keys = pa.array(pseudonyms.patients(names, ISSUER))
        cases: Cases = draw_cases(draw, count, begin)
        yield from clinical_rows(cases, keys, draw)
        images: Images = draw_images(draw, cases, begin)
        yield from image_rows(images, cases, keys, self._uid)

    def _uid(self, kind: int, numbers: np.ndarray) -> pa.Array:
        """UIDs below 2.25 that nobody else's are: made of the seed, the kind of object and a number."""
        prefix = f"2.25.{self.seed % 10**9:09d}{kind}".replace("2.25.0", "2.25.9")
        padded = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width=10, padding="0")
        return pc.binary_join_element_wise(prefix, padded, "")
