"""`oncofed node …` as a data manager types it, against a hub on loopback."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from oncofed.cli.main import main
from oncofed.node import health, identity
from oncofed.node.outbox import Outbox
from oncofed.node.policy import DEFAULT
from oncofed.node.settings import read_settings
from tests.fakes.hub import failure


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("ONCOFED_DATA", str(tmp_path / "node"))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "SSL_CERT_FILE", "ONCOFED_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    mask = os.umask(0o022)
    yield tmp_path / "node"
    os.umask(mask)


@pytest.fixture
def node(directory, capfd):
    """Runs `oncofed node ARGUMENTS`; (status, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = 0
        try:
            main(["node", *arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = capfd.readouterr()
        return status, out, err

    return run


@pytest.fixture
def there(node):
    node("init", "--title", "St Anna", "--country", "AT")
    return node


@pytest.fixture
def enrolled(there, token, tmp_path):
    (tmp_path / "token").write_text(token)
    status, out, err = there("enrol", "--token-file", str(tmp_path / "token"))
    assert status == 0, err
    assert "Enrolled as st-anna" in out
    return there


@pytest.fixture
def loaded(enrolled):
    status, _, err = enrolled("load", "synthetic", "--dataset", "breast", "--patients", "40")
    assert status == 0, err
    return enrolled


def read(out):
    return json.loads(out)


def test_init_makes_a_node_that_only_its_owner_can_read(node, directory):
    status, out, _ = node("init", "--title", "St Anna", "--country", "AT", "--json")
    assert status == 0
    assert read(out)["directory"] == str(directory)
    assert (directory / "policy.toml").read_text() == DEFAULT
    assert {path.stat().st_mode & 0o077 for path in (directory, *directory.rglob("*"))} == {0}
    status, _, err = node("init", "--title", "St Anna", "--country", "AT")
    assert status == 2
    assert "node-exists" in err
    assert "oncofed explain node-exists" in err


def test_the_token_comes_from_a_file_the_environment_or_standard_input(there, token, directory, monkeypatch):
    help_text = there("enrol", "--help")[1]
    assert "--token-file" in help_text
    assert "--token " not in help_text
    status, _, err = there("enrol", "--token-file", "absent")
    assert (status, "invitation-invalid" in err) == (2, True)
    monkeypatch.setenv("ONCOFED_TOKEN", token)
    assert there("enrol", "--json")[0] == 0
    (directory / "keys" / "hub.json").unlink()
    monkeypatch.delenv("ONCOFED_TOKEN")
    for arguments in (("enrol",), ("enrol", "--token-file", "-")):
        reading, writing = os.pipe()
        os.write(writing, token.encode())
        os.close(writing)
        with os.fdopen(reading) as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            assert there(*arguments)[0] == 0
        (directory / "keys" / "hub.json").unlink()


def test_loading_tells_what_was_loaded_and_does_it_once(loaded, tmp_path):
    status, out, _ = loaded("load", "synthetic", "--dataset", "breast", "--patients", "40", "--json")
    assert status == 0
    (release,) = read(out)["releases"]
    assert release["already"]
    assert (release["patients"], release["class"]) == (40, "protected")
    said = loaded("load", "synthetic", "--dataset", "breast", "--patients", "40")[1]
    assert "1 stood here already" in said
    status, _, err = loaded("load", "synthetic", "--dataset", "breast", "--patients", "41")
    assert (status, "release-exists" in err) == (3, True)
    status, out, _ = loaded("load", "synthetic", "--dataset", "public", "--patients", "9", "--class", "open", "--json")
    assert read(out)["releases"][0]["class"] == "open"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("load", "idc"), "source-empty"),
        (("load", "idc", "--collections", "no_such_collection"), "source"),
        (("load", "dicom-folder", "absent", "--dataset", "x1"), "source-unreadable"),
        (("load", "tables", ".", "--dataset", "Not An Id"), "dataset-id-invalid"),
        (("load", "synthetic", "--dataset", "-"), "dataset-id-invalid"),
    ],
)
def test_what_cannot_be_loaded_is_told(there, arguments, code):
    status, _, err = there(*arguments)
    assert status == 2
    assert code in err


def test_opt_outs_are_left_out(there, tmp_path, directory):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "patient.csv").write_text("patient_key,species,birth_sex\nP1,human,female\nP2,human,male\n")
    (tmp_path / "opt-outs.txt").write_text("# asked to be left out in May\nP2\nP9\tELSEWHERE\n\n")
    base = ("load", "tables", str(tmp_path / "tables"), "--dataset", "small", "--json")
    status, out, err = there(*base)
    assert (status, err) == (0, "")
    assert read(out)["releases"][0]["patients"] == 2
    status, out, _ = there(*base, "--release", "2", "--opt-outs", str(tmp_path / "opt-outs.txt"))
    assert read(out)["releases"][0]["patients"] == 1
    status, _, err = there(*base, "--release", "3", "--opt-outs", str(tmp_path / "absent"))
    assert (status, "source-unreadable" in err) == (2, True)


def test_broken_files_of_a_dicom_folder_are_named(there, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 10)
    import shutil

    from pydicom.data import get_testdata_file

    shutil.copy(get_testdata_file("CT_small.dcm"), tmp_path / "images" / "one.dcm")
    status, out, err = there("load", "dicom-folder", str(tmp_path / "images"), "--dataset", "images")
    assert status == 0, err
    assert "1 patients" in out
    assert "Skipped 1" in out
    assert "broken.dcm" in out


def test_the_dry_run_prints_the_exact_bytes_that_leave(loaded, hub, directory):
    status, out, _ = loaded("publish", "--dry-run")
    assert status == 0
    assert not hub.seen("publish")
    status, said, err = loaded("publish")
    assert status == 0, err
    assert "Published 1 datasets" in said
    sent = Outbox(directory / "outbox.sqlite").newest(1, kind="publish")[0].body
    # Only the moment differs between the two.
    first, second = json.loads(out), json.loads(sent)
    assert first.pop("published_at") != second.pop("published_at")
    assert first == second == {name: hub.seen("publish")[0][name] for name in first}
    assert len(out) == len(sent) + 1


def test_publishing_charges_the_cube_and_warns_of_the_second(loaded):
    charged = read(loaded("publish", "--json")[1])["charged"]
    assert charged["breast"] > 3
    assert read(loaded("publish", "--json")[1])["charged"] == {}
    loaded("load", "synthetic", "--dataset", "breast", "--patients", "39", "--release", "2")
    status, _, err = loaded("publish")
    assert status == 0
    assert "breast published more than one release" in err
    cubes = read(loaded("status", "--json")[1])["cubes"]
    assert [one["lineage"] for one in cubes] == ["breast", "breast"]


def test_nothing_to_publish_is_told(enrolled, there):
    status, _, err = enrolled("publish")
    assert (status, "nothing-to-publish" in err) == (3, True)


def test_publishing_needs_enrolment(there):
    there("load", "synthetic", "--dataset", "breast", "--patients", "10")
    status, _, err = there("publish")
    assert (status, "node-not-enrolled" in err) == (2, True)


def test_withdrawing_takes_effect_here_before_the_hub_is_told(loaded, hub):
    loaded("publish")
    hub.script["publish"] = lambda _: failure("hub-failed", 503)
    status, _, _ = loaded("withdraw", "breast")
    assert status == 4
    (release,) = read(loaded("status", "--json")[1])["releases"]
    assert not release["published"]
    assert not release["searchable"]
    hub.script.clear()
    assert loaded("withdraw", "breast")[0] == 0
    assert hub.seen("publish")[-1]["releases"] == []
    assert loaded("withdraw", "breast", "--undo")[0] == 0
    assert read(loaded("status", "--json")[1])["releases"][0]["published"]
    status, _, err = loaded("withdraw", "lung")
    assert (status, "release-unknown" in err) == (2, True)


def test_a_publication_that_the_hub_refuses_leaves_the_old_one_answerable(loaded, hub, directory):
    loaded("publish")
    loaded("load", "synthetic", "--dataset", "breast", "--patients", "39", "--release", "2")
    hub.script["publish"] = lambda _: failure("publication-stale", 409)
    assert loaded("publish")[0] == 3
    releases = json.loads((directory / "published.json").read_text())["releases"]
    assert sorted(one["release"] for one in releases) == ["1", "2"]


def test_status_says_what_stands_here(loaded):
    report = read(loaded("status", "--json")[1])
    assert report["enrolled"]
    assert report["node_id"] == "st-anna"
    assert report["agent"] == {"running": False, "state": "never started"}
    assert report["releases"][0]["patients"] == 40
    text = loaded("status")[1]
    for part in ("st-anna at http://127.0.0.1", "not running", "breast", "never"):
        assert part in text


def test_status_names_a_bad_policy_and_an_unenrolled_node(there, directory):
    (directory / "policy.toml").write_text("[answers]\nfoo = 1\n")
    (directory / "agent.json").write_text("{")
    out = there("status")[1]
    assert "Not enrolled yet" in out
    assert "answers.foo" in out.replace("\n", "")


def test_budgets_stand_in_the_status(loaded, directory):
    from oncofed.disclosure.live import Question
    from oncofed.node.assembly import open_ledger

    settings = read_settings(directory, {})
    ledger = open_ledger(settings, identity.read(settings.keys))
    year = health.status(settings)["year"]
    ledger.commit(Question("1" * 64, None, frozenset()), {"": 1}, charge=(year, "uni-one", ("breast",)))
    assert read(loaded("status", "--json")[1])["budgets"] == [
        {"lineage": "breast", "organisation": "uni-one", "counts": 1, "epsilon": 0.1, "counts_left": 49}
    ]
    assert "uni-one" in loaded("status")[1]


def test_the_policy_can_be_checked_and_read(there, directory):
    out = there("policy")[1]
    assert "Datasets that may be searched: all." in out
    assert read(there("policy", "--json")[1])["hours"]["from"] == "00:00"
    assert there("policy", "--default")[1] == DEFAULT
    (directory / "policy.toml").write_text("[answers]\nfoo = 1\n")
    status, _, err = there("policy")
    assert status == 2
    assert "line 2" in err
    (directory / "policy.toml").write_bytes(b"\xff")
    assert "not text" in there("policy")[2]
    (directory / "policy.toml").unlink()
    assert "missing" in there("policy")[2]


def test_the_outbox_can_be_read(loaded):
    loaded("publish")
    listed = read(loaded("outbox", "list", "--json")[1])
    assert read(loaded("outbox", "--json")[1]) == listed
    assert [one["kind"] for one in listed] == ["publish", "enrol"]
    assert read(loaded("outbox", "--kind", "enrol", "--limit", "1", "--json")[1])[0]["sequence"] == 1
    table = loaded("outbox")[1]
    assert "publication" in table
    shown = loaded("outbox", "show", "2")[1]
    assert "this did not leave" in shown
    assert '"dataset_id": "breast"' in shown
    assert read(loaded("outbox", "show", "1", "--json")[1])["about"] == {"what": "enrolment"}
    assert read(loaded("outbox", "show", "1", "--raw")[1])["node_id"] == "st-anna"
    assert "2 messages" in loaded("outbox", "check")[1]
    status, _, err = loaded("outbox", "show", "77")
    assert (status, "message-unknown" in err) == (2, True)


def test_answers_in_the_outbox_say_who_asked_what(loaded, directory):
    outbox = Outbox(directory / "outbox.sqlite")
    now = outbox.newest(1)[0].sent_at
    about = {"what": "answers", "answers": [{"organisation": "uni-one", "question": "sex = female"}]}
    outbox.record(now=now, destination="https://hub", kind="results", body=b"{}", about=about)
    assert "uni-one: sex = female" in loaded("outbox", "--kind", "results")[1].replace("\n", "")


# ---- doctor ---------------------------------------------------------------------------------------------------------


def findings(node):
    status, out, _ = node("doctor", "--json")
    return status, {one["name"]: one for one in read(out)}


def test_a_healthy_node_has_nothing_to_repair(loaded):
    loaded("publish")
    status, found = findings(loaded)
    assert status == 0, found
    assert {one["state"] for one in found.values()} <= {"ok", "warning"}
    assert "1 releases" in found["warehouse"]["detail"]
    assert "ok   hub and clock" in loaded("doctor")[1]


def test_doctor_finds_what_is_wrong(loaded, directory, hub, tmp_path):
    (directory / "policy.toml").write_text("[answers]\nenabled = false\n")
    with (directory / "node.toml").open("a") as file:
        file.write(f'ca_file = "{tmp_path / "absent.pem"}"\n')
    status, found = findings(loaded)
    assert status == 6
    assert found["policy"]["state"] == "warning"
    assert found["way out"]["code"] == "settings-invalid"
    assert found["hub and clock"]["code"] == "settings-invalid"
    (directory / "policy.toml").write_text("[")
    (directory / "keys" / "secret").chmod(0o644)
    status, found = findings(loaded)
    assert found["policy"]["code"] == "policy-invalid"
    assert found["keys"]["code"] == "keys-exposed"
    assert "FAIL keys" in loaded("doctor")[1]


def test_doctor_sees_a_clock_that_is_off(loaded, hub, monkeypatch):
    hub.offset = 90.0
    status, found = findings(loaded)
    assert status == 0
    assert (found["hub and clock"]["state"], found["hub and clock"]["code"]) == ("warning", "clock-off")
    hub.offset = -600.0
    hub.script["answered"] = lambda _: failure("clock-off", 401)
    status, found = findings(loaded)
    assert status == 6
    assert found["hub and clock"]["code"] == "clock-off"
    offset = re.search(r"this clock is \+(\d+) s", found["hub and clock"]["detail"])
    assert offset
    assert int(offset[1]) == pytest.approx(600, abs=10)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.hospital:3128")
    assert "HTTPS_PROXY" in findings(loaded)[1]["way out"]["detail"]


def test_doctor_sees_that_space_runs_out(loaded, monkeypatch):
    monkeypatch.setattr(health, "LITTLE_SPACE", 1 << 62)
    assert findings(loaded)[1]["disk"]["state"] == "warning"
    monkeypatch.setattr(health, "NO_SPACE", 1 << 62)
    assert findings(loaded)[1]["disk"]["code"] == "disk-full"


def test_doctor_says_that_the_node_is_not_enrolled(there):
    status, found = findings(there)
    assert status == 6
    assert found["hub and clock"]["code"] == "node-not-enrolled"
    assert found["way out"]["detail"] == "no proxy, the usual certificates"


# ---- backup ---------------------------------------------------------------------------------------------------------


def test_a_backup_brings_the_node_back(loaded, directory, tmp_path, monkeypatch):
    loaded("publish")
    assert loaded("backup", str(tmp_path / "node.tar"))[0] == 0
    before = read(loaded("load", "synthetic", "--dataset", "breast", "--patients", "40", "--json")[1])
    monkeypatch.setenv("ONCOFED_DATA", str(tmp_path / "again"))
    assert loaded("restore", str(tmp_path / "node.tar"), "--json")[0] == 0
    after = read(loaded("load", "synthetic", "--dataset", "breast", "--patients", "40", "--json")[1])
    assert after["releases"][0]["digest"] == before["releases"][0]["digest"]
    assert read(loaded("publish", "--json")[1])["charged"] == {}
    assert read(loaded("status", "--json")[1])["node_id"] == "st-anna"


def test_without_a_node_every_command_says_so(node):
    for command in (("status",), ("publish",), ("start",), ("doctor",), ("outbox",), ("policy",)):
        status, _, err = node(*command)
        assert (status, "node-missing" in err) == (2, True), command


# ---- the agent as a process -----------------------------------------------------------------------------------------


def test_the_agent_starts_polls_and_ends_at_once_when_told(loaded, hub, directory):
    loaded("publish")
    environment = {**os.environ, "ONCOFED_DATA": str(directory)}
    command = [sys.executable, "-m", "oncofed", "node", "start"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        hub.until(lambda: hub.seen("poll"), seconds=60)
        assert read(loaded("status", "--json")[1])["agent"]["running"]
        status, _, err = loaded("start")
        assert (status, "agent-running" in err) == (3, True)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0, said
        assert time.monotonic() - begun < 20  # though a poll is held for longer
    first = json.loads(said.splitlines()[0])
    assert first["message"].startswith("session 1 at http://127.0.0.1")
    assert read(loaded("status", "--json")[1])["agent"]["state"] == "stopped"
