"""The one file that talks out: what it sends, whom it believes, and through what it goes."""

import json
import select
import socket
import socketserver
import ssl
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import trustme

from oncofed.contracts.errors import BadInput, Corrupt, Refused, Unreachable
from oncofed.contracts.exchange import MAX_BODY_BYTES, PROTOCOL, Hello, Invitation, Poll, Tasks, Welcome
from oncofed.node import enrolment, identity
from oncofed.node.assembly import connect
from oncofed.node.hub import Hub, Message, Peer
from oncofed.node.outbox import Outbox
from oncofed.trust import SigningKey
from oncofed.trust.keys import rotate
from tests.fakes.hub import NODE_ID, FakeHub, Reply, failure, serving

POLL = Message("poll", Poll(instance="one", wait_seconds=0), {"what": "a test"})
HELLO = Message("session", Hello(software="test", instance="one", epoch=1, ledger_sequence=0))


def sent(settings):
    return Outbox(settings.outbox_file).newest(100)


def test_every_body_is_in_the_outbox_as_it_was_sent(hub, line, enrolled):
    hub.instance = "one"
    line.call(POLL, Tasks)
    newest = sent(enrolled)[0]
    assert json.loads(newest.body) == hub.seen("poll")[0]
    assert newest.destination == f"{hub.url}/exchange/v1/poll"
    assert newest.about == {"what": "a test"}
    line.call(POLL, Tasks)
    assert [one.kind for one in sent(enrolled)] == ["poll", "poll", "enrol"]


def test_a_repeated_body_is_recorded_when_it_first_goes_out(hub, line, enrolled):
    hub.instance = "one"
    for _ in range(3):
        line.call(POLL, Tasks, repeated=True)
    assert [one.kind for one in sent(enrolled)] == ["poll", "enrol"]
    assert len(hub.seen("poll")) == 3


def test_what_cannot_be_recorded_is_not_sent(hub, line, enrolled):
    line._outbox.close()
    with pytest.raises(Unreachable, match="outbox-unwritable"):
        line.call(POLL, Tasks)
    with pytest.raises(Unreachable, match="outbox-unwritable"):
        line.call(POLL, Tasks, repeated=True)
    assert not hub.seen("poll")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(signed=False), "signature-missing"),
        (Reply(signed_body=b"other"), "digest-mismatch"),
        (Reply(nonce="bm9uY2Utbm9uY2Utbm9u"), "another request"),
        (Reply(body=b"[]"), "message-invalid"),
        (Reply(body=b"x" * (MAX_BODY_BYTES + 1)), "too-large"),
    ],
)
def test_a_reply_that_is_not_the_hubs_is_not_used(hub, line, reply, error):
    hub.script["poll"] = lambda _: reply
    with pytest.raises(Corrupt, match=error):
        line.call(POLL, Tasks)


def test_a_reply_by_another_key_is_not_used(hub, line):
    hub.key = SigningKey.generate()
    with pytest.raises(Corrupt, match="key-unknown"):
        line.call(POLL, Tasks)


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (failure("node-suspended"), Refused, "node-suspended"),
        (failure("hub-stopping", 503), Unreachable, "hub-stopping"),
        (failure("invented-later"), Refused, "hub-newer"),
        (Reply(403, b"what?"), Refused, "hub-newer"),
        (Reply(502, b"<html>", signed=False), Unreachable, "hub-unreachable"),
        (Reply(407, b"", signed=False), Unreachable, "hub-unreachable"),
        (Reply(cut=0.0), Unreachable, "hub-unreachable"),
    ],
)
def test_refusals_come_with_their_code(hub, line, reply, kind, code):
    hub.script["poll"] = lambda _: reply
    with pytest.raises(kind) as caught:
        line.call(POLL, Tasks)
    assert caught.value.code == code


def test_a_hub_that_is_not_there_is_told(line, hub):
    gone = replace(line.peer, url="http://127.0.0.1:9")
    with Hub(gone, line._outbox, pin=lambda _: None) as lost, pytest.raises(Unreachable, match="hub-unreachable"):
        lost.call(POLL, Tasks)


def test_the_hubs_clock_is_seen(hub, line):
    assert line.clock_offset is None
    hub.offset = 600.0
    hub.script["poll"] = lambda _: failure("clock-off", 401)
    with pytest.raises(Refused, match="clock-off"):
        line.call(POLL, Tasks)
    assert line.clock_offset == pytest.approx(600, abs=5)


# ---- key rotation ---------------------------------------------------------------------------------------------------


def welcome(*rotations):
    return Welcome(protocol=PROTOCOL, epoch=1, hub_time=datetime.now(UTC), rotations=rotations)


def test_a_new_hub_key_that_the_pinned_one_signed_is_pinned(hub, line, enrolled):
    old, between, new = hub.key, SigningKey.generate(), SigningKey.generate()
    hub.key = new
    hub.script["session"] = lambda _: welcome(rotate(old, between.public), rotate(between, new.public))
    line.call(HELLO, Welcome)
    assert line.hub_key == new.public
    assert identity.enrolled(enrolled.keys).hub_key == new.public
    hub.instance = "one"
    line.call(POLL, Tasks)


def test_a_hub_that_still_signs_with_the_pinned_key_can_announce_the_new_one(hub, line, enrolled):
    new = SigningKey.generate()
    hub.script["session"] = lambda _: welcome(rotate(hub.key, new.public))
    line.call(HELLO, Welcome)
    assert identity.enrolled(enrolled.keys).hub_key == new.public


def test_a_new_hub_key_that_nobody_signed_is_refused(hub, line, enrolled):
    old, thief = hub.key, SigningKey.generate()
    hub.key = thief
    for rotations in ((), (rotate(thief, thief.public),)):
        hub.script["session"] = lambda _, given=rotations: welcome(*given)
        with pytest.raises(Corrupt, match="key-unknown"):
            line.call(HELLO, Welcome)
    forged = rotate(thief, thief.public).model_copy(update={"old": old.public})
    hub.script["session"] = lambda _: welcome(forged)
    with pytest.raises(Corrupt, match="key-rotation-invalid"):
        line.call(HELLO, Welcome)
    assert identity.enrolled(enrolled.keys).hub_key == old.public


def test_a_rotation_in_a_reply_that_is_altered_is_not_pinned(hub, line, enrolled):
    new = SigningKey.generate()
    body = welcome(rotate(hub.key, new.public)).model_dump_json().encode()
    hub.script["session"] = lambda _: Reply(body=body, signed_body=b"other")
    with pytest.raises(Corrupt, match="digest-mismatch"):
        line.call(HELLO, Welcome)
    assert identity.enrolled(enrolled.keys).hub_key == hub.key.public


# ---- HTTPS, proxies and a hospital's own CA -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://hub.example",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://",
        "hub.example",
        "http://localhost.evil.org",
    ],
)
def test_only_https_leaves_the_machine(url, tmp_path):
    peer = Peer(key=SigningKey.generate(), keyid="a", url=url, hub_key="A" * 43)
    with pytest.raises(BadInput, match="hub-insecure"):
        Hub(peer, Outbox(tmp_path / "outbox"), pin=lambda _: None)


@pytest.mark.parametrize("url", ["https://hub.example", "http://127.0.0.1:80", "http://localhost", "http://[::1]:8000"])
def test_https_and_this_same_machine_are_fine(url, tmp_path):
    peer = Peer(key=SigningKey.generate(), keyid="a", url=url, hub_key="A" * 43)
    Hub(peer, Outbox(tmp_path / "outbox"), pin=lambda _: None).close()


@pytest.fixture(scope="module")
def hospital_ca():
    return trustme.CA()


@pytest.fixture
def secure_hub(hospital_ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    hospital_ca.issue_cert("127.0.0.1").configure_cert(context)
    with serving(FakeHub(), context) as one:
        yield one


def invited(hub):
    return Invitation(hub_url=hub.url, hub_key=hub.key.public, secret="once", node_id=NODE_ID).to_token()


def test_a_hospitals_own_ca_is_trusted_when_it_is_named(secure_hub, settings, hospital_ca, tmp_path):
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        enrolment.enrol(settings, invited(secure_hub))
    hospital_ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    enrolment.enrol(replace(settings, ca_file=tmp_path / "ca.pem"), invited(secure_hub))


def test_ssl_cert_file_is_honoured(secure_hub, settings, hospital_ca, tmp_path, monkeypatch):
    hospital_ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert enrolment.enrol(settings, invited(secure_hub)).node_id == NODE_ID


def test_a_ca_file_that_is_none_is_named(secure_hub, settings, tmp_path):
    for name in ("absent.pem", "empty.pem"):
        (tmp_path / "empty.pem").write_text("")
        with pytest.raises(BadInput, match="ca_file"):
            enrolment.enrol(replace(settings, ca_file=tmp_path / name), invited(secure_hub))


class ConnectProxy(socketserver.BaseRequestHandler):
    """The least of an HTTP proxy: CONNECT, then bytes in both directions."""

    def handle(self):
        request = b""
        while b"\r\n\r\n" not in request:
            request += self.request.recv(4096)
        self.server.seen.append(request.split(b" ")[1].decode())
        host, _, port = self.server.seen[-1].partition(":")
        with socket.create_connection((host, int(port))) as target:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            while True:
                for one in select.select([self.request, target], [], [], 10)[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    (target if one is self.request else self.request).sendall(data)


def test_proxy_variables_are_honoured(secure_hub, settings, hospital_ca, tmp_path, monkeypatch):
    hospital_ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), ConnectProxy) as proxy:
        proxy.daemon_threads = True
        proxy.seen = []
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
        enrolment.enrol(replace(settings, ca_file=tmp_path / "ca.pem"), invited(secure_hub))
        proxy.shutdown()
    assert proxy.seen == [secure_hub.url.removeprefix("https://")]


def test_plain_http_to_this_machine_never_takes_a_proxy(hub, settings, token, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert enrolment.enrol(settings, token).node_id == NODE_ID


# ---- enrolment ------------------------------------------------------------------------------------------------------


def test_enrolment_needs_nothing_but_the_token(hub, settings, token):
    known = enrolment.enrol(settings, f"  {token}\n")
    assert (known.hub_url, known.hub_key) == (hub.url, hub.key.public)
    assert identity.enrolled(settings.keys) == known
    (body,) = hub.seen("enrol")
    assert body["public_key"] == identity.read(settings.keys).key.public
    assert (body["title"], body["country"], body["secret"]) == ("St Anna", "AT", "once")
    with pytest.raises(Refused, match="node-enrolled"):
        enrolment.enrol(settings, token)
    line = connect(settings, identity.read(settings.keys), known, Outbox(settings.outbox_file))
    line.close()


@pytest.mark.parametrize("token", ["", "hello", "oncofed-invite-AAAA", "oncofed-invite-e30", "oncofed-invite-ü"])
def test_what_is_no_invitation_is_refused(settings, token):
    with pytest.raises(BadInput, match="invitation-invalid"):
        enrolment.enrol(settings, token)


def test_an_enrolment_that_the_hub_refuses_leaves_the_node_as_it_was(hub, settings, token):
    for reply, code in ((failure("invitation-used"), "invitation-used"), (failure("invitation-expired"), "expired")):
        hub.script["enrol"] = lambda _, given=reply: given
        with pytest.raises(Refused, match=code):
            enrolment.enrol(settings, token)
    assert identity.pinned(settings.keys) is None


def test_a_hub_that_enrols_another_node_is_not_believed(hub, settings, token):
    hub.script["enrol"] = lambda _: Reply(body=json.dumps({"node_id": "other", "hub_key": hub.key.public}).encode())
    with pytest.raises(Corrupt, match="another node"):
        enrolment.enrol(settings, token)


def test_a_node_needs_a_title_that_fits(hub, settings, token):
    with pytest.raises(BadInput, match="settings-invalid"):
        enrolment.enrol(replace(settings, title="x" * 300), token)


def test_init_refuses_what_is_no_country_and_never_overwrites(tmp_path):
    with pytest.raises(BadInput, match="country-invalid"):
        enrolment.init(tmp_path / "a", title="St Anna", country="Austria")
    made = enrolment.init(tmp_path / "a", title="St Anna", country="AT")
    with pytest.raises(Refused, match="node-exists"):
        enrolment.init(tmp_path / "a", title="St Anna", country="AT")
    (tmp_path / "a" / "node.toml").unlink()  # as if it had been interrupted before its last step
    (tmp_path / "a" / "policy.toml").write_text("[answers]\nenabled = false\n")
    again = enrolment.init(tmp_path / "a", title="St Anna", country="AT")
    assert again.key.public == made.key.public
    assert "false" in (tmp_path / "a" / "policy.toml").read_text()
