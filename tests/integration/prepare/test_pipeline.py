"""From a folder to a release, as a data manager does it: interrupted, repeated, on many workers, with a full disk."""

import copy
import hashlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import duckdb
import pydicom
import pytest
from distributed import Client, LocalCluster, Security

from oncofed.cli.main import main
from oncofed.cli.prepare_key import key_of
from oncofed.contracts.errors import OncofedError
from oncofed.node import enrolment, identity
from oncofed.node.settings import read_settings
from oncofed.prepare import deidentify as stage
from oncofed.prepare import parallel
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.parallel import Lost, workers
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run, State
from oncofed.prepare.scan import scan
from oncofed.trust.keys import encode
from oncofed.warehouse import Warehouse
from oncofed.warehouse.compile import everyone
from tests.factories.source import ROOT, a_file, a_patient, a_series

NAMES = ("Sørensen", "P1", "P2", "P7", "A77", "19500102", "20200304", ROOT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    a_series(made / "one", 3)
    a_patient(made, "P2", 2)
    a_patient(made, "P7", 2, Modality="MR", SOPClassUID=pydicom.uid.MRImageStorage)
    return made


def recipe(data_dir: Path, **named) -> Recipe:
    return Recipe(key_of(data_dir), **named)


def digests(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def typed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command prints; a failure is raised with its words."""
    try:
        main([str(one) for one in arguments])
    except SystemExit as ended:
        captured = capsys.readouterr()
        if ended.code:
            raise AssertionError(captured.err + captured.out) from ended
        return captured.out
    return capsys.readouterr().out


def answered(capsys: pytest.CaptureFixture[str], *arguments: object):
    return json.loads(typed(capsys, *arguments, "--json"))


def test_command_by_command(data_dir: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, node = ("--run", tmp_path / "run"), ("--data-dir", data_dir)
    told = typed(capsys, "prepare", "scan", folder, *run)
    assert "7 files" in told
    assert "3 patients" in told
    told += typed(capsys, "prepare", "deidentify", *run, *node, "--workers", "1")
    told += typed(capsys, "prepare", "index", *run, *node)
    told += typed(capsys, "prepare", "check", *run, *node, "--workers", "1")
    told += typed(capsys, "prepare", "report", *run, *node)
    told += typed(capsys, "prepare", "status", *run)
    told += typed(capsys, "prepare", "review", *run)
    release = answered(capsys, "prepare", "release", "--dataset", "small", *run, *node)
    assert (release["patients"], release["files"], release["already"]) == (3, 7, False)
    for name in NAMES:
        assert name not in told.replace(str(tmp_path), "")
    released = Path(release["images"])
    for path in released.rglob("*.dcm"):
        content = path.read_bytes()
        for name in NAMES:
            assert name.encode() not in content
    assert len(list(released.rglob("*.dcm"))) == 7
    assert {"report.html", "report.json", "certificate.json", "certificate.html", "index.parquet"} <= {
        path.name for path in (tmp_path / "run").iterdir()
    }
    warehouse = Warehouse(read_settings(data_dir).warehouse)
    assert warehouse.count(everyone(), [("small", "1")], "modality") == {"CT": 2, "MR": 1}
    layout = answered(capsys, "prepare", "eucaim", tmp_path / "layout", "--dataset", "small", *run, *node)
    assert (layout["images"], layout["tables"]["patient"]) == (7, 3)


def test_the_same_files_on_two_machines_and_on_many_workers(data_dir: Path, folder: Path, tmp_path: Path) -> None:
    with Run.create(tmp_path / "a") as one:
        scan(one, folder)
        deidentify(one, recipe(data_dir))
    with Run.create(tmp_path / "b") as other, workers(2) as hands:
        scan(other, folder, workers=hands)
        assert deidentify(other, recipe(data_dir), workers=hands) == 7
    assert digests(tmp_path / "a" / "images") == digests(tmp_path / "b" / "images")


def test_a_worker_makes_the_tools_of_a_recipe_once(data_dir: Path) -> None:
    """Each batch brings a copy of the recipe along."""
    sent = recipe(data_dir)
    assert copy.deepcopy(sent).tools is sent.tools


def test_projects_cannot_be_linked(data_dir: Path, folder: Path, tmp_path: Path) -> None:
    for project in ("alpha", "beta"):
        with Run.create(tmp_path / project, project=project) as run:
            scan(run, folder)
            deidentify(run, recipe(data_dir, project=project))
    alpha, beta = (
        {part for path in digests(tmp_path / project / "images") for part in Path(path).parts}
        for project in ("alpha", "beta")
    )
    assert alpha.isdisjoint(beta)


def test_another_policy_does_all_of_it_again(data_dir: Path, folder: Path, run: Run) -> None:
    scan(run, folder)
    assert deidentify(run, recipe(data_dir)) == 7
    assert deidentify(run, recipe(data_dir)) == 0
    before = digests(run.images)
    assert deidentify(run, recipe(data_dir, profile="strict")) == 7
    after = digests(run.images)
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)


def test_a_file_that_changes_is_done_again_and_one_that_goes_is_withdrawn(
    data_dir: Path, folder: Path, run: Run
) -> None:
    scan(run, folder)
    deidentify(run, recipe(data_dir))
    before = digests(run.images)
    a_file(folder / "one" / "001.dcm", 1, SeriesNumber=5)
    (folder / "one" / "002.dcm").unlink()
    scan(run, folder)
    assert deidentify(run, recipe(data_dir)) == 1
    after = digests(run.images)
    assert len(before) - len(after) == 1
    assert sum(before[name] != after[name] for name in after) == 1


def test_a_file_that_changes_meanwhile_is_held_back(data_dir: Path, folder: Path, run: Run) -> None:
    scan(run, folder)
    path = folder / "one" / "001.dcm"
    path.write_bytes(path.read_bytes() + b"\0\0")
    deidentify(run, recipe(data_dir))
    assert run.counts()["quarantined"] == {"prepare-file-changed": 1}
    path.write_bytes(path.read_bytes()[:-2])
    scan(run, folder)
    assert deidentify(run, recipe(data_dir)) == 1


def test_a_full_disk_stops_it_and_the_rest_is_done_later(
    data_dir: Path, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third file finds no space: the operating system's words, without filling a disk."""
    scan(run, folder)
    opened = Path.open
    count = [0]

    def full(path: Path, *arguments, **named):
        if path.name.endswith(".part"):
            count[0] += 1
            if count[0] == 3:
                raise OSError(28, "No space left on device")
        return opened(path, *arguments, **named)

    with monkeypatch.context() as filled:
        filled.setattr(Path, "open", full)
        with pytest.raises(OncofedError, match="disk-full"):
            deidentify(run, recipe(data_dir))
    assert run.stages()["deidentify"]["state"] == "stopped"
    assert run.number(State.DEIDENTIFIED) == 2
    assert not list(run.images.rglob("*.part"))
    assert deidentify(run, recipe(data_dir)) == 5


def _scan_and_deidentify(directory: Path, folder: Path, own: Recipe) -> None:
    with Run.create(directory) as run:
        scan(run, folder)
        deidentify(run, own)


def test_a_real_disk_that_is_full(data_dir: Path, folder: Path, tmp_path: Path) -> None:
    """A file system of 700 kB: what stands stays, and the run can be read."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        a_series(folder / "more", 400, PatientID="P1", SeriesInstanceUID=f"{ROOT}.1.2")
        with pytest.raises(OncofedError, match="disk-full"):
            _scan_and_deidentify(small / "run", folder, recipe(data_dir))
        with Run.open(small / "run") as run:
            assert run.counts()
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_worker_that_dies_holds_its_files_back(data_dir: Path, folder: Path, run: Run) -> None:
    scan(run, folder)

    class Dying:
        def map(self, _function, things):
            return (Lost(thing) for thing in things)

    assert deidentify(run, recipe(data_dir), workers=Dying()) == 0
    assert run.counts()["quarantined"] == {"prepare-worker-lost": 7}


BREAKING = """
import os, signal
from oncofed.prepare.parallel import Lost, workers

def breaks(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)  # what a codec with a fault does
    return number

if __name__ == "__main__":
    with workers(2) as hands:
        results = list(hands.map(breaks, range(8)))
    lost = {one.thing for one in results if isinstance(one, Lost)}
    print(3 in lost, sorted(lost | {one for one in results if not isinstance(one, Lost)}))
"""


def test_a_real_worker_that_dies_takes_only_its_own_thing_along(tmp_path: Path) -> None:
    """In a process of its own, without measuring coverage: a worker that is killed cannot save what it measured."""
    script = tmp_path / "breaking.py"
    script.write_text(BREAKING)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=True, env=environment
    )
    assert done.stdout.splitlines()[-1] == f"True {list(range(8))}"


def test_nobody_else_on_this_computer_gives_the_workers_work_or_sees_theirs() -> None:
    with workers(2) as hands:
        assert isinstance(hands, parallel.Cluster)
        told = hands._client.scheduler_info()
        for address, party in ((told["address"], told), *told["workers"].items()):
            assert address.startswith("tls://127.0.0.1:")
            with pytest.raises(OSError, match=r"closed|reset|timed out|while trying to connect"):
                Client(address.replace("tls", "tcp"), timeout=3)
            with pytest.raises(OSError, match="certificate does not match"):
                Client(address, timeout=3, security=Security.temporary())
            for page in ("health", "metrics", "info/main/workers.html", "json/identity.json", ""):
                with pytest.raises(HTTPError, match="404"):
                    urlopen(f"http://127.0.0.1:{party['services']['dashboard']}/{page}")


def test_what_runs_out_of_time_in_a_worker_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "PATIENCE_S", 0.5)
    with workers(2) as hands, pytest.raises(TimeoutError, match="the disk does not answer"):
        list(hands.map(exec, ["raise TimeoutError('the disk does not answer')"]))


def test_a_silent_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "ANSWER_S", 1.0)
    with pytest.raises(OncofedError, match="prepare-scheduler-silent"), workers(0, "tcp://127.0.0.1:9"):
        pass


def test_a_cluster_without_workers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "PATIENCE_S", 0.5)
    with (
        LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0", protocol="tcp") as cluster,
        workers(0, cluster.scheduler_address) as hands,
        pytest.raises(OncofedError, match="no worker is left"),
    ):
        list(hands.map(len, ["a"]))


def test_opt_outs_take_effect_in_the_next_release_and_earlier_ones_stay(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "node"
    enrolment.init(data_dir, title="Hospital", country="IT")
    plan = tmp_path / "plan.yaml"
    text = f"plan: oncofed/1\nsources: [{{folder: {folder}}}]\nworkers: 1\ndataset: {{id: opted, release: '%s'}}\n"
    plan.write_text(text % 1)
    node = ("--data-dir", data_dir)
    first = answered(capsys, "prepare", "run", plan, *node)["release"]
    assert (first["patients"], first["opted_out"]) == (3, 0)
    listed = tmp_path / "optouts.txt"
    listed.write_text("# who called on Monday\nP2\nP9\tnorth\n")
    assert answered(capsys, "prepare", "optouts", "import", listed, *node) == {"named": 2, "new": 2}
    assert answered(capsys, "prepare", "optouts", "import", listed, *node) == {"named": 2, "new": 0}
    assert b"P2" not in (data_dir / "optouts.tsv").read_bytes()
    plan.write_text(text % 2)
    second = answered(capsys, "prepare", "run", plan, *node)["release"]
    assert (second["patients"], second["opted_out"], second["files"]) == (2, 1, 5)
    assert len(list(Path(first["images"]).rglob("*.dcm"))) == 7
    assert len(list(Path(second["images"]).rglob("*.dcm"))) == 5
    warehouse = Warehouse(read_settings(data_dir).warehouse)
    assert warehouse.count(everyone(), [("opted", "1")]) == {"": 3}
    assert warehouse.count(everyone(), [("opted", "2")]) == {"": 2}


def test_a_release_keeps_its_images_when_the_run_goes_on(
    data_dir: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"plan: oncofed/1\nsources: [{{folder: {folder}}}]\nrun: run\nworkers: 1\ndataset: {{id: kept}}\n")
    first = answered(capsys, "prepare", "run", plan, "--data-dir", data_dir)["release"]
    before = digests(Path(first["images"]))
    a_file(folder / "one" / "001.dcm", 1, SeriesNumber=5)
    (folder / "one" / "002.dcm").unlink()
    plan.write_text(plan.read_text().replace("{id: kept}", "{id: kept, release: '2'}"))
    second = answered(capsys, "prepare", "run", plan, "--data-dir", data_dir)["release"]
    assert second["files"] == 6
    assert digests(Path(first["images"])) == before


def test_a_run_that_is_killed_anywhere_ends_as_one_that_was_not(data_dir: Path, folder: Path, tmp_path: Path) -> None:
    a_series(folder / "more", 40, PatientID="P1", SeriesInstanceUID=f"{ROOT}.1.2")
    for number, path in enumerate(sorted((folder / "more").iterdir()), 100):
        a_file(path, number, SeriesInstanceUID=f"{ROOT}.1.2")
    plan = tmp_path / "plan.yaml"
    text = f"plan: oncofed/1\nsources: [{{folder: {folder}}}]\nrun: %s\nworkers: 1\ndataset: {{id: %s}}\n"
    command = [sys.executable, "-m", "oncofed", "prepare", "run", str(plan), "--data-dir", str(data_dir)]
    plan.write_text(text % ("whole", "whole"))
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    lasted = time.monotonic() - began
    plan.write_text(text % ("killed", "killed"))
    rng = random.Random(7)
    for _ in range(6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 1.0) * lasted)
        process.kill()
        process.wait()
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert digests(tmp_path / "whole" / "images") == digests(tmp_path / "killed" / "images")
    images = data_dir / "images"
    assert digests(images / "whole" / "1") == digests(images / "killed" / "1")
    with Run.open(tmp_path / "killed") as run:
        assert run.counts() == {"verified": {"": 47}}


def test_what_a_person_decides(
    data_dir: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, node = ("--run", tmp_path / "run"), ("--data-dir", data_dir)
    a_patient(folder / "x", "P8", PatientID="P7", PatientName="Holm^Eva")
    a_file(folder / "one" / "again.dcm", 1, SeriesNumber=7)
    typed(capsys, "prepare", "scan", folder, *run)
    waiting = answered(capsys, "prepare", "review", *run)["waiting"]
    assert [(one["code"], one["files"]) for one in waiting] == [
        ("prepare-instance-conflict", 2),
        ("prepare-patient-shared-id", 4),
    ]
    assert "Holm" not in typed(capsys, "prepare", "review", *run)
    assert "P7" in (tmp_path / "run" / "quarantine.tsv").read_text()
    conflict, shared = (one["number"] for one in waiting)
    done = answered(capsys, "prepare", "review", *run, "--accept", conflict, "--reject", shared)
    assert (done["accepted"], done["rejected"], done["waiting"]) == (1, 4, [])
    typed(capsys, "prepare", "scan", folder, *run)
    assert answered(capsys, "prepare", "review", *run)["waiting"] == []
    assert answered(capsys, "prepare", "deidentify", *run, *node, "--workers", "1")["done"] == 5
    with pytest.raises(AssertionError, match="prepare-review-unknown"):
        typed(capsys, "prepare", "review", *run, "--accept", 99)
    with pytest.raises(AssertionError, match="four numbers"):
        typed(capsys, "prepare", "review", *run, "--rectangle", "1,2,3")


def test_pixels_that_a_person_has_looked_at(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, node = ("--run", tmp_path / "run"), ("--data-dir", data_dir)
    a_series(tmp_path / "source", 2, Modality="US", SOPClassUID=pydicom.uid.UltrasoundImageStorage)
    typed(capsys, "prepare", "scan", tmp_path / "source", *run)
    typed(capsys, "prepare", "deidentify", *run, *node, "--no-ocr")
    (group,) = answered(capsys, "prepare", "review", *run)["waiting"]
    assert (group["code"], group["files"], group["modalities"]) == ("pixels-text-suspected", 2, "US")
    typed(capsys, "prepare", "review", *run, "--accept", group["number"], "--rectangle", "0,0,16,4")
    assert answered(capsys, "prepare", "deidentify", *run, *node, "--no-ocr")["done"] == 2
    for path in (tmp_path / "run" / "images").rglob("*.dcm"):
        pixels = pydicom.dcmread(path).pixel_array
        assert len(set(pixels[:4].ravel())) == 1
        assert len(set(pixels[4:].ravel())) > 20


def test_what_the_second_look_holds_back_stands_in_no_table(
    data_dir: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The documented order: tables are made, then the check holds images back of which they speak."""
    for path in a_patient(folder, "P2", 2, AccessionNumber="ACC5512998"):
        dataset = pydicom.dcmread(path)
        dataset.add_new(0x00660016, "OF", b"ACC5512998  ")
        dataset.save_as(path)
    run, node = ("--run", tmp_path / "run"), ("--data-dir", data_dir)
    typed(capsys, "prepare", "scan", folder, *run)
    typed(capsys, "prepare", "deidentify", *run, *node, "--workers", "1")
    assert answered(capsys, "prepare", "index", *run, *node)["rows"]["patient"] == 3
    layout = (tmp_path / "layout", "--dataset", "held", *run, *node)
    with pytest.raises(AssertionError, match="prepare-not-verified"):
        typed(capsys, "prepare", "eucaim", *layout)
    typed(capsys, "prepare", "check", *run, *node, "--workers", "1")
    typed(capsys, "prepare", "report", *run, *node)
    with duckdb.connect(":memory:") as connection:
        patients = f"SELECT count(*) FROM read_parquet('{tmp_path}/run/tables/patient.parquet')"
        assert connection.execute(patients).fetchall() == [(2,)]
    waiting = answered(capsys, "prepare", "review", *run)["waiting"]
    assert {(group["code"], group["files"]) for group in waiting} == {("prepare-residual", 1)}
    assert answered(capsys, "prepare", "eucaim", *layout)["tables"]["patient"] == 2
    assert answered(capsys, "prepare", "release", "--dataset", "held", *run, *node)["patients"] == 2


def test_tables_of_images_that_are_gone_leave_nothing(
    data_dir: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, node = ("--run", tmp_path / "run"), ("--data-dir", data_dir)
    steps = [("deidentify", "--workers", "1"), ("index",), ("check", "--workers", "1")]
    for number, release in enumerate(("old", "new")):
        typed(capsys, "prepare", "scan", folder, *run)
        for command, *more in steps[: 3 - 2 * number]:
            typed(capsys, "prepare", command, *run, *node, *more)
        if number:
            with pytest.raises(AssertionError, match="prepare-tables-old"):
                typed(capsys, "prepare", "release", "--dataset", release, *run, *node)
            typed(capsys, "prepare", "index", *run, *node)
        made = answered(capsys, "prepare", "release", "--dataset", release, *run, *node)
        assert made["patients"] == 3 - number
        for path in folder.rglob("*.dcm"):
            if pydicom.dcmread(path).PatientID == "P2":
                path.unlink()


def test_the_layout_of_eucaim_leaves_out_who_opted_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "node"
    enrolment.init(data_dir, title="Hospital", country="IT")
    run, node = ("--run", tmp_path / "run"), ("--data-dir", data_dir)
    typed(capsys, "prepare", "scan", folder, *run)
    for command in ("deidentify", "index", "check"):
        typed(capsys, "prepare", command, *run, *node)
    listed = tmp_path / "optouts.txt"
    listed.write_text("P2\n")
    typed(capsys, "prepare", "optouts", "import", listed, *node)
    made = answered(capsys, "prepare", "eucaim", tmp_path / "layout", "--dataset", "opted", *run, *node)
    assert (made["tables"]["patient"], made["images"]) == (2, 5)
    tree = tmp_path / "layout" / "imaging_data"
    assert len(list(tree.iterdir())) == 2
    told = "".join(path.read_text() for path in (tmp_path / "layout").rglob("*.csv"))
    gone = {path.name for path in (tmp_path / "run" / "images").iterdir()} - {path.name for path in tree.iterdir()}
    assert [name for name in gone if name in told] == []


def test_a_release_waits_for_verification(
    data_dir: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, node = ("--run", tmp_path / "run"), ("--data-dir", data_dir)
    typed(capsys, "prepare", "scan", folder, *run)
    with pytest.raises(AssertionError, match="prepare-not-verified"):
        typed(capsys, "prepare", "release", "--dataset", "early", *run, *node)
    typed(capsys, "prepare", "deidentify", *run, *node, "--workers", "1")
    with pytest.raises(AssertionError, match="prepare-not-verified"):
        typed(capsys, "node", "load", "prepared", tmp_path / "run", "--dataset", "early", *node)
    typed(capsys, "prepare", "index", *run, *node)
    typed(capsys, "prepare", "check", *run, *node, "--workers", "1")
    loaded = answered(capsys, "node", "load", "prepared", tmp_path / "run", "--dataset", "early", *node)
    assert loaded["releases"][0]["patients"] == 3


def test_the_key_does_not_travel(data_dir: Path, folder: Path, run: Run) -> None:
    """What is sent to workers says where the key stands, and holds none of it."""
    from distributed.protocol.pickle import dumps

    scan(run, folder)
    batch = next(stage.batches(run, recipe(data_dir)))
    secret = identity.read(read_settings(data_dir).keys).secret
    sent = dumps(batch)
    assert b"NodeKey" in sent
    for form in (secret, encode(secret).encode(), secret.hex().encode()):
        assert form not in sent
