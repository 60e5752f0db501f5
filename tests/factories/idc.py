"""A small repository in the shape of ``idc-index-data``, with whatever series a test needs."""

from pathlib import Path
from typing import Any

import duckdb

_SERIES = {
    "collection_id": "VARCHAR",
    "PatientID": "VARCHAR",
    "StudyInstanceUID": "VARCHAR",
    "SeriesInstanceUID": "VARCHAR",
    "PatientAge": "VARCHAR",
    "PatientSex": "VARCHAR",
    "StudyDate": "VARCHAR",
    "BodyPartExamined": "VARCHAR",
    "Modality": "VARCHAR",
    "Manufacturer": "VARCHAR",
    "ManufacturerModelName": "VARCHAR",
    "TransferSyntaxUID": "VARCHAR",
    "instanceCount": "BIGINT",
    "series_size_MB": "DOUBLE",
}
_COLLECTION = {
    "collection_name": "VARCHAR",
    "collection_id": "VARCHAR",
    "cancer_types": "VARCHAR",
    "tumor_locations": "VARCHAR",
    "species": "VARCHAR",
    "program_id": "VARCHAR",
    "description": "VARCHAR",
    "sources": "STRUCT(source_doi VARCHAR, license STRUCT(license_short_name VARCHAR), citation VARCHAR)[]",
}


def a_series(collection: str, patient: str, study: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "collection_id": collection,
        "PatientID": patient,
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.{number}",
        "StudyDate": "2012-03-04",
        "Modality": "CT",
        "instanceCount": 3,
        "series_size_MB": 1.5,
    } | more


def a_collection(collection_id: str, **more: Any) -> dict[str, Any]:
    return {
        "collection_name": collection_id.upper(),
        "collection_id": collection_id,
        "cancer_types": "Lung Cancer",
        "tumor_locations": "Lung",
        "species": "Human",
        "program_id": "community",
        "description": "<p>About&nbsp;it.</p>",
        "sources": [{"source_doi": "10.1/x", "license": {"license_short_name": "CC BY 4.0"}, "citation": "A &amp; B"}],
    } | more


def an_index(directory: Path, collections: list[dict[str, Any]], series: list[dict[str, Any]]) -> Path:
    """Write ``collections_index.parquet`` and ``idc_index.parquet``; the directory."""
    for name, columns, rows in (("collections_index", _COLLECTION, collections), ("idc_index", _SERIES, series)):
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE t ({', '.join(f'{k} {v}' for k, v in columns.items())})")
            for row in rows:
                connection.execute(
                    f"INSERT INTO t VALUES ({', '.join('?' * len(columns))})", [row.get(column) for column in columns]
                )
            connection.execute(f"COPY t TO '{directory / name}.parquet'")
    return directory
