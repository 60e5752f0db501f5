"""Loading: one source becomes one immutable shard with one release per dataset, or nothing at all.

The shard is built in a staging directory and appears by one rename, so a load that fails (bad input, a full disk, a
crash) leaves every release that stood before as it was.
"""

import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

import oncofed
from oncofed.contracts.base import canonical_json
from oncofed.contracts.errors import BadInput, Refused
from oncofed.contracts.vocabulary import VOCABULARY_VERSION
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse.checks import check_tables
from oncofed.warehouse.digest import content_digests
from oncofed.warehouse.projection import project
from oncofed.warehouse.schema import TABLES
from oncofed.warehouse.shards import (
    DATABASE,
    ExactSize,
    Release,
    adopt,
    known_release,
    load_lock,
    read_shards,
    staging,
    write_manifest,
)
from oncofed.warehouse.sources.base import Draft, Filling, Progress, Source, SourceReport

MEMORY_LIMIT = "900MB"
"""DuckDB's share of the 1.5 GB that loading may take; beyond it DuckDB spills into the staging directory."""


def _silent(_: str) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Loading:
    """How to load: whom to leave out, what to use, whom to tell.

    ``opt_outs`` are patient pseudonyms; their rows are removed before anything is counted, digested or projected.
    """

    opt_outs: frozenset[str] = frozenset()
    memory_limit: str = MEMORY_LIMIT
    threads: int = 2
    progress: Progress = _silent
    reports: list[SourceReport] = field(default_factory=list)
    """Filled by ``load`` with what came of reading the source."""


def load(
    source: Source,
    *,
    directory: Path,
    pseudonyms: Pseudonyms,
    release: str,
    opt_outs: Collection[str] = (),
    progress: Progress = _silent,
) -> tuple[Release, ...]:
    """Load ``source`` as ``release`` of each of its datasets into the warehouse at ``directory``.

    A dataset whose release of that name stands already with the same digest is left as it is and comes back with
    ``already`` set; with another digest the whole load is refused (``release-exists``).
    """
    return load_with(source, directory, pseudonyms, release, Loading(frozenset(opt_outs), progress=progress))


def load_with(
    source: Source, directory: Path, pseudonyms: Pseudonyms, release: str, loading: Loading
) -> tuple[Release, ...]:
    """``load`` with everything that can be chosen."""
    if not release.strip() or len(release) > 200:
        raise BadInput("release-unknown", "a release needs a name of at most 200 characters")
    with load_lock(directory), staging(directory) as staged:
        connection = _open(staged, loading)
        try:
            drafts, digests, run = _fill(connection, source, pseudonyms, loading)
            standing = _standing(directory, drafts, digests, release)
            fresh = tuple(draft for draft in drafts if draft.dataset.dataset_id not in standing)
            if not fresh:
                loading.progress("nothing new: the same data stands already under this release name")
                return tuple(standing.values())
            _drop_datasets(connection, set(standing))
            releases = _finish(connection, fresh, digests, release, run, loading)
        finally:
            connection.close()
        shutil.rmtree(staged / "spill", ignore_errors=True)
        write_manifest(staged, dict(enumerate(releases)))
        adopt(staged, directory)
    return (*standing.values(), *releases)


def _open(staged: Path, loading: Loading) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        str(staged / DATABASE),
        config={
            "memory_limit": loading.memory_limit,
            "threads": loading.threads,
            "temp_directory": str(staged / "spill"),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    connection.execute("SET enable_progress_bar = false")
    connection.execute("BEGIN")  # one transaction: no write-ahead log to flush after every statement
    for table in TABLES.values():
        connection.execute(table.ddl())
    return connection


def _fill(
    connection: duckdb.DuckDBPyConnection, source: Source, pseudonyms: Pseudonyms, loading: Loading
) -> tuple[tuple[Draft, ...], dict[str, str], tuple[object, ...]]:
    """Rows from the source, opt-outs removed, checked and digested."""
    report = source.fill(Filling(connection, pseudonyms, loading.progress))
    loading.reports.append(report)
    if not report.drafts:
        raise BadInput("source-empty", f"source {source.name}")
    drafts = tuple(sorted(report.drafts, key=lambda draft: draft.dataset.dataset_id))
    connection.execute(
        "INSERT INTO dataset SELECT unnest($1), unnest($2), unnest($3), 2, ['IN_SITU_PROCESSING'], NULL, [], NULL",
        [
            [draft.dataset.dataset_id for draft in drafts],
            [draft.dataset.title for draft in drafts],
            [draft.dataset.description for draft in drafts],
        ],
    )
    loading.progress("checking and digesting")
    _leave_out(connection, loading.opt_outs)
    check_tables(connection)
    digests = content_digests(connection, pseudonyms)
    ((rows,),) = connection.execute("SELECT count(*) FROM imaging_series").fetchall()
    quality = canonical_json({"problems": {code: len(places) for code, places in report.problems.items()}}).decode()
    source_hash = pseudonyms.content(canonical_json(sorted(digests.items())))
    run = (source_hash[:32], oncofed.__version__, f"{source.name} {source.mapping_version}", source_hash,
           report.rows_in, rows, report.rows_rejected, quality)  # fmt: skip
    return drafts, digests, run


def _leave_out(connection: duckdb.DuckDBPyConnection, opt_outs: frozenset[str]) -> None:
    """Remove every row of the patients in ``opt_outs``; remember them as keyed hashes only."""
    if not opt_outs:
        return
    run = connection.execute
    run("INSERT INTO opt_out SELECT unhex(unnest($1)), now()", [sorted(opt_outs)])
    run("CREATE TEMP TABLE out AS SELECT unnest($1) AS patient_key", [sorted(opt_outs)])
    gone_condition = "(SELECT dataset_id, condition_id FROM cancer_condition SEMI JOIN out USING (patient_key))"
    gone_study = "(SELECT dataset_id, study_uid FROM imaging_study SEMI JOIN out USING (patient_key))"
    for table in ("cancer_stage", "treatment"):
        run(f"DELETE FROM {table} WHERE (dataset_id, condition_id) IN {gone_condition}")
    for table in ("imaging_series", "derived_object"):
        run(f"DELETE FROM {table} WHERE (dataset_id, study_uid) IN {gone_study}")
    for table in ("observation", "outcome", "imaging_study", "cancer_condition", "patient"):
        run(f"DELETE FROM {table} WHERE patient_key IN (SELECT patient_key FROM out)")
    run("DROP TABLE out")


def _standing(directory: Path, drafts: tuple[Draft, ...], digests: dict[str, str], release: str) -> dict[str, Release]:
    """Of the drafts, the releases that stand already; ``Refused`` if one of them differs."""
    shards = read_shards(directory)
    known = (known_release(shards, (draft.dataset.dataset_id, release)) for draft in drafts)
    standing = {found.dataset.dataset_id: found for found in known if found is not None}
    differing = [dataset for dataset, found in standing.items() if found.digest != digests[dataset]]
    if differing:
        raise Refused("release-exists", f"{', '.join(differing[:5])} {release}, with other content")
    return standing


def _drop_datasets(connection: duckdb.DuckDBPyConnection, dataset_ids: set[str]) -> None:
    for table in TABLES.values():
        if dataset_ids and any(column.name == "dataset_id" for column in table.columns):
            connection.execute(
                f"DELETE FROM {table.name} WHERE dataset_id IN (SELECT unnest($1))", [sorted(dataset_ids)]
            )


def _finish(
    connection: duckdb.DuckDBPyConnection,
    drafts: tuple[Draft, ...],
    digests: dict[str, str],
    release: str,
    run: tuple[object, ...],
    loading: Loading,
) -> tuple[Release, ...]:
    """Bookkeeping rows and the projection; then the file is complete."""
    now = datetime.now(UTC)
    ids = [draft.dataset.dataset_id for draft in drafts]
    sizes = _sizes(connection)
    execute = connection.execute
    execute("INSERT INTO etl_run VALUES (?, ?, ?, ?, ?, ?, ?, ?)", list(run))
    execute("INSERT INTO dataset_release SELECT unnest($1), $2, $3, unnest($4), unnest($5), 0",
            [ids, release, now, [digests[i] for i in ids], [sizes[i].patients for i in ids]])  # fmt: skip
    execute("INSERT INTO patient_in_release SELECT patient_key, dataset_id, $1, $2, NULL FROM patient", [release, now])
    loading.progress("building the projection")
    project(connection, tuple(ids))
    execute("COMMIT")
    execute("CHECKPOINT")
    return tuple(
        Release(
            dataset=draft.dataset,
            release=release,
            digest=digests[draft.dataset.dataset_id],
            loaded_at=now,
            supports=draft.supports,
            vocabulary_version=VOCABULARY_VERSION,
            size=sizes[draft.dataset.dataset_id],
        )
        for draft in drafts
    )


def _sizes(connection: duckdb.DuckDBPyConnection) -> dict[str, ExactSize]:
    rows = connection.execute("""
        SELECT dataset_id, coalesce(p.n, 0), coalesce(t.n, 0), coalesce(s.n, 0), coalesce(s.instances, 0)
        FROM dataset
        LEFT JOIN (SELECT dataset_id, count(*) n FROM patient GROUP BY 1) p USING (dataset_id)
        LEFT JOIN (SELECT dataset_id, count(*) n FROM imaging_study GROUP BY 1) t USING (dataset_id)
        LEFT JOIN (SELECT dataset_id, count(*) n, sum(n_instances)::BIGINT instances
                   FROM imaging_series GROUP BY 1) s USING (dataset_id)""").fetchall()
    return {dataset: ExactSize(*counts) for dataset, *counts in rows}
