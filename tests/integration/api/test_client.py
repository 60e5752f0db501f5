"""SDK and commands against the real hub over loopback; the test plays the nodes."""

import contextlib
import importlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

import oncofed
from oncofed.cli.main import main
from oncofed.contracts.errors import BadInput, QueryError, Refused, Unreachable
from oncofed.hub.accounts.models import User
from oncofed.hub.exchange.actions import expire
from oncofed.hub.exchange.models import Node
from oncofed.hub.search import actions
from oncofed.sdk import Hub
from oncofed.sdk import client as sdk_client
from oncofed.sdk.credentials import credentials
from oncofed.sdk.sign_in import DeviceCode, SignInDesk
from tests.factories import hub
from tests.factories.published import release
from tests.factories.serving import served

pytestmark = pytest.mark.django_db(transaction=True)

LIVE = "modality = MR and body part = breast and sex = female"


@pytest.fixture
def ada() -> User:
    return hub.person()


@pytest.fixture
def nodes() -> tuple[Node, Node]:
    return hub.node("north", release("a1")), hub.node("south", release("b1"))


@pytest.fixture
def address(nodes: tuple[Node, Node], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("ONCOFED_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    with served() as url:
        monkeypatch.setenv("ONCOFED_HUB", url)
        yield url


@pytest.fixture
def client(address: str, ada: User) -> Iterator[Hub]:
    with oncofed.connect(address, hub.token(ada)) as one:
        yield one


@contextlib.contextmanager
def answering(*nodes: Node, count: int = 20) -> Iterator[None]:
    """Answer whatever the nodes are asked, in another thread, until the block ends."""
    done = threading.Event()

    def work() -> None:
        from django.db import connection

        while not done.wait(0.05):
            for node in nodes:
                hub.answer_all(node, count)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(10)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_a_count_is_a_table_with_its_total_beside(client: Hub, nodes: tuple[Node, Node]) -> None:
    seen = []
    with answering(*nodes):
        table = client.count(LIVE, purpose="feasibility", progress=seen.append)
    assert list(table["node"]) == ["north", "south"]
    assert list(table["count"]) == [20, 20]
    assert set(table["source"]) == {"live"}
    assert table.attrs["total"] == 40
    low, high = table.attrs["interval"]
    assert low <= 40 <= high
    assert table.attrs["unanswered"] == {}
    assert table.attrs["complete"]
    assert seen[-1].complete


def test_text_builder_and_object_are_the_same_question(client: Hub, nodes: tuple[Node, Node]) -> None:
    built = oncofed.where(modality="MR")
    totals = {client.count(query).attrs["total"] for query in ("modality = MR", built, built.canonical())}
    assert len(totals) == 1
    assert client.parse(built).key == client.parse("modality = MR").key


def test_a_breakdown_has_sums_first_and_then_the_nodes(client: Hub) -> None:
    table = client.count("modality = MR", by="sex")
    sums = table[table["node"] == ""].set_index("value")["count"]
    parts = table[table["node"] != ""].groupby("value")["count"].sum()
    assert sums.to_dict() == parts.to_dict()
    assert sums["female"] is not None


def test_the_handle_of_a_question(client: Hub, nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = client.ask(LIVE, datasets=["a1"])
    assert "waiting" in repr(asked)
    assert asked.url.endswith(f"/search/answers/{asked.id}/")
    again = client.count_of(asked.id)
    monkeypatch.setattr(type(client._transport), "lines", broken)  # a proxy that cuts streams
    with answering(*nodes):
        outcome = again.wait()
    assert outcome.complete
    assert "complete" in repr(again)
    assert again.wait() is outcome


def test_a_hub_that_is_restarted_is_waited_for(
    client: Hub, nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = client.ask(LIVE)
    real, failures = client._transport.get, iter(range(3))

    def down_for_a_while(path: str, **parameters: object) -> object:
        if next(failures, None) is not None:
            raise Unreachable("hub-silent")
        return real(path, **parameters)

    monkeypatch.setattr(client._transport, "lines", broken)
    monkeypatch.setattr(client._transport, "get", down_for_a_while)
    monkeypatch.setattr(sdk_client, "AGAIN_SECONDS", 0.01)
    with answering(*nodes):
        assert asked.wait().complete
    monkeypatch.setattr(sdk_client, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(client._transport, "get", broken_at_once)
    with pytest.raises(Unreachable):
        sdk_client.Count(client._transport, asked.outcome.model_copy(update={"complete": False})).wait()


def broken_at_once(*_: object, **__: object) -> object:
    raise Unreachable("hub-silent")


def broken(*_: object, **__: object) -> Iterator[object]:
    raise Unreachable("hub-silent")
    yield


def test_nodes_that_do_not_answer_are_in_the_table_and_named(
    client: Hub, nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "ASK_SECONDS", 1.0)
    threading.Timer(1.5, expire).start()
    with answering(nodes[0]):
        table = client.count(LIVE)
    assert table.attrs["total"] == 20
    assert list(table.attrs["unanswered"]) == ["south"]
    silent = table.set_index("node").loc["south"]
    assert silent["state"] == "silent"
    assert silent.isna()["count"]


def test_catalogue_facets_criteria_figures(client: Hub) -> None:
    table = client.datasets()
    assert list(table["dataset_id"]) == ["a1", "b1"]
    assert list(client.datasets(node="south")["dataset_id"]) == ["b1"]
    assert client.dataset("a1")["node"] == "north"
    facets = client.facets("modality = MR", datasets=["a1"])
    assert {"sex", "body_part"} <= set(facets["criterion"])
    assert "her2" in facets.attrs["live_only"]
    assert facets.attrs["total"] is not None
    assert client.facets(oncofed.where(modality="MR"))["count"].notna().all()
    assert len(client.criteria()) > 22
    assert client.criteria("sex")[0]["values"]
    assert client.figures()["datasets"] == 2
    assert client.whoami()["email"] == "ada@example.org"
    assert "127.0.0.1" in repr(client)


def test_saved_searches(client: Hub) -> None:
    saved = client.save("Breast", "body part = breast")
    assert [one["url"] for one in client.searches()] == [saved["url"]]


def test_refusals_are_the_errors_of_contracts(client: Hub, address: str) -> None:
    with pytest.raises(QueryError) as wrong:
        client.count("modalty = MR")
    assert wrong.value.suggestion == "modality"
    with pytest.raises(BadInput, match="dataset-unknown"):
        client.count("modality = MR", datasets=["nowhere"])
    with oncofed.connect(address) as stranger:
        assert stranger.facets()["count"].notna().any()
        with pytest.raises(Refused, match="sign-in-required"):
            stranger.count("modality = MR")


def test_the_command_prints_a_table_and_how_to_read_it(
    address: str,
    ada: User,
    nodes: tuple[Node, Node],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ONCOFED_TOKEN", hub.token(ada))
    with answering(*nodes):
        assert run("search", LIVE) == 0
    shown = capsys.readouterr().out
    assert "Hospital north" in shown
    assert "Total: ≈ 40 (±55)" in shown or "Total: ≈ 40" in shown
    assert "Only human patients are counted" in shown
    assert "Not recorded" in shown
    assert run("search", "modality = MR", "--by", "sex") == 0
    shown = capsys.readouterr().out
    assert "Female" in shown


def test_the_command_prints_json(
    address: str, ada: User, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONCOFED_TOKEN", hub.token(ada))
    assert run("search", "modality = MR", "--json", "--dataset", "a1") == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["complete"]
    assert [node["node"] for node in outcome["nodes"]] == ["north"]


def test_nobody_answering_is_status_4(
    address: str, ada: User, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONCOFED_TOKEN", hub.token(ada))
    monkeypatch.setattr(actions, "ASK_SECONDS", 0.5)
    threading.Timer(1.0, expire).start()
    assert run("search", LIVE) == 4
    shown = capsys.readouterr()
    assert "Hospital south: the node did not answer in time [no-answer]" in shown.out
    assert "[no-answer]" in shown.err


def test_the_command_points_at_what_it_cannot_read(
    address: str, ada: User, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONCOFED_TOKEN", hub.token(ada))
    assert run("search", "modalty = MR") == 2
    assert "  modalty = MR\n  ^^^^^^^\n" in capsys.readouterr().err


def test_criteria_are_shown(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("search", "--criteria") == 0
    assert "body part" in capsys.readouterr().out
    assert run("search", "--criteria", "body part", "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "body_part"
    assert run("search", "--criteria", "sex") == 0
    assert "female" in capsys.readouterr().out
    assert run("search", "--criteria", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) > 22


def test_signing_in_with_a_token_and_out_again(
    address: str, ada: User, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(hub.token(ada) + "\n"))
    assert run("login", address, "--token-stdin") == 0
    assert f"Signed in to {address} as Ada" in capsys.readouterr().out
    assert list(credentials().sign_ins) == [address]
    monkeypatch.delenv("ONCOFED_HUB")
    assert run("doctor") == 0
    shown = capsys.readouterr().out
    assert "ok   sign-in: as Ada" in shown
    assert f"{address} serves 2 datasets" in shown
    assert run("login", "--sign-out") == 0
    assert run("login", address, "--sign-out") == 0
    assert "not signed in" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert run("login", address, "--token-stdin") == 3
    assert credentials().sign_ins == {}


def test_signing_in_by_device_code(
    address: str, ada: User, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person confirms, by the function behind the hub's page, as soon as there is a code."""
    from allauth.idp.oidc.internal.oauthlib.device_codes import confirm_or_deny_device_code

    client_of_the_command_line = "oncofed.hub.accounts.migrations.0002_command_line_client"
    importlib.import_module(client_of_the_command_line).create(apps, None)  # a flush between tests took it away
    real = SignInDesk.begin

    def begin(desk: SignInDesk) -> DeviceCode:
        code = real(desk)
        assert confirm_or_deny_device_code(ada, code.device_code, confirm=True)
        return code

    monkeypatch.setattr(SignInDesk, "begin", begin)
    assert run("login", address) == 0
    shown = capsys.readouterr()
    assert "as Ada" in shown.out
    assert f"{address}/device" in shown.err or "/device" in shown.err
    kept = credentials().sign_ins[address]
    assert kept.refresh
    assert oncofed.connect().whoami()["email"] == "ada@example.org"
    desk = SignInDesk(address)
    renewed = desk.renewed(kept.refresh)
    assert renewed is not None
    assert desk.renewed(kept.refresh) is None  # each is good once
    desk.close()
    with oncofed.connect(address, renewed.access) as one:
        assert one.whoami()["signed_in"]
