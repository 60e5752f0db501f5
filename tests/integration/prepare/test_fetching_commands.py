"""The commands that bring images in over the network, typed against a real Orthanc; a plan with all roads at once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oncofed.node import enrolment
from tests.factories.orthanc import WEB_PLUGIN, Orthanc, free_port, orthanc, storescu
from tests.factories.source import a_patient, a_series
from tests.integration.prepare.test_pipeline import answered, typed

WITH_PLUGIN = pytest.mark.skipif(
    not WEB_PLUGIN.exists(), reason="system program: Orthanc's plugin orthanc-dicomweb is missing"
)


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    place = tmp_path_factory.mktemp("orthanc")
    with orthanc(place / "server") as made:
        made.upload([*a_series(place / "P1", 3), *a_patient(place, "P2", 2)])
        yield made


@pytest.fixture
def node(tmp_path: Path) -> tuple[str, Path]:
    enrolment.init(tmp_path / "node", title="Hospital", country="IT")
    return ("--data-dir", tmp_path / "node")


@pytest.mark.system_program("Orthanc")
@WITH_PLUGIN
def test_fetch_by_command(pacs: Orthanc, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ("--run", tmp_path / "run")
    told = typed(capsys, "prepare", "fetch", "dicomweb", pacs.web, "--query", "PatientID=P2", *run)
    assert "2 instances came" in told
    assert "P2" not in told.replace(str(tmp_path), "")
    came = answered(capsys, "prepare", "fetch", "pacs", pacs.peer, "--query", "PatientID=P1", "--port", pacs.ours, *run)
    assert came == {"came": 3, "failed": 0}
    assert answered(capsys, "prepare", "status", *run)["content"]["patients"] == 2
    with pytest.raises(AssertionError, match="KEYWORD=VALUE"):
        typed(capsys, "prepare", "fetch", "pacs", pacs.peer, "--query", "P1", *run)


@pytest.mark.system_program("storescu")
def test_receive_until_told_to_stop(tmp_path: Path) -> None:
    port = free_port()
    files = a_series(tmp_path / "P1", 2)
    command = [
        sys.executable,
        "-m",
        "oncofed",
        "prepare",
        "receive",
        "--run",
        str(tmp_path / "run"),
        "--port",
        str(port),
    ]
    process = subprocess.Popen(
        [*command, "--address", "127.0.0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stderr is not None
    assert f"port {port}" in process.stderr.readline()
    assert storescu(port, files).returncode == 0
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "2 instances came" in out
    assert "1 patients" in out


@pytest.mark.system_program("Orthanc")
@WITH_PLUGIN
def test_a_plan_with_every_road(
    pacs: Orthanc, node: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_patient(tmp_path / "folder", "P3", 1)
    (tmp_path / "clinical").mkdir()
    pq.write_table(
        pa.table({"id": ["P1", "P2", "P3"], "sex": ["F", "M", "F"]}), tmp_path / "clinical" / "people.parquet"
    )
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "plan.yaml").write_text(
        f"""plan: oncofed/1
sources:
  - folder: folder
  - {{dicomweb: "{pacs.web}", query: {{PatientID: P2}}}}
  - {{pacs: "{pacs.peer}", query: {{PatientID: P1}}, port: {pacs.ours}}}
run: run
workers: 1
clinical: {{mapping: mapping.yaml, source: clinical}}
dataset: {{id: roads}}
"""
    )
    told = typed(capsys, "prepare", "run", tmp_path / "plan.yaml", *node)
    assert "6 files verified" in told
    assert "3 patients" in told
    again = answered(capsys, "prepare", "run", tmp_path / "plan.yaml", *node)
    assert again["release"]["already"]
    assert again["stages"]["map"]["facts"]["rows_in"] == 3


MAPPING = """
mapping: oncofed/1
name: people
version: "1"
title: People
patient: id
source: {format: parquet, relations: {people: {}}}
tables:
  patient:
    - from: people
      columns: {birth_sex: {column: sex, vocabulary: sex}}
"""
