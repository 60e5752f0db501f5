"""RFC 9421 signatures: against another implementation, and against every change of a message."""

import datetime
import time
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

from oncofed.contracts.errors import Corrupt, Refused
from oncofed.trust import SigningKey
from oncofed.trust.http_signatures import (
    TOLERANCE_SECONDS,
    SeenNonces,
    Signed,
    content_digest,
    sign_request,
    sign_response,
    signed_claim,
    verify_request,
    verify_response,
)
from oncofed.trust.keys import decode

NODE, HUB = SigningKey.from_bytes(b"n" * 32), SigningKey.from_bytes(b"h" * 32)
TARGET = ("POST", "/exchange/v1/poll")
BODY = b'{"wait_seconds":25}'
NONCE = "bm9uY2Utbm9uY2Utbm9u"
NOW = 1_800_000_000


def request_headers(**changes):
    given = {"keyid": "st-anna", "target": TARGET, "body": BODY, "created": NOW, "nonce": NONCE} | changes
    return sign_request(NODE, **given)


def key_of(keyid):
    return {"st-anna": NODE.public, HUB.public: HUB.public}.get(keyid)


class Keys(HTTPSignatureKeyResolver):
    """Both keys, as the other implementation wants them."""

    def resolve_public_key(self, key_id):
        return Ed25519PublicKey.from_public_bytes(decode(key_of(key_id)))

    def resolve_private_key(self, key_id):
        return Ed25519PrivateKey.from_private_bytes((NODE if key_id == "st-anna" else HUB).to_bytes())


class Headers(dict):
    """Header fields in the one spelling we send."""

    def __setitem__(self, name, value):
        super().__setitem__(name.lower(), value)


def peer_request(headers):
    return SimpleNamespace(method="POST", url=f"https://hub.example{TARGET[1]}", headers=Headers(headers), body=BODY)


def test_another_implementation_verifies_our_request():
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=Keys())
    headers = request_headers(created=int(time.time()))  # the peer looks at the real clock
    (result,) = verifier.verify(peer_request(headers), expect_tag="oncofed-request", body=BODY)
    assert set(result.covered_components) == {'"@method"', '"@path"', '"content-digest"', '"@signature-params"'}
    assert result.parameters["nonce"] == NONCE


def test_another_implementation_verifies_our_response():
    headers = sign_response(HUB, status=200, body=BODY, nonce=NONCE, created=int(time.time()))
    response = SimpleNamespace(status_code=200, headers=Headers(headers), body=BODY, request=None)
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=Keys())
    (result,) = verifier.verify(response, expect_tag="oncofed-response", body=BODY)
    assert result.covered_components['"@status"'] == "200"


def test_we_verify_what_another_implementation_signed():
    request = peer_request({})
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=Keys()).sign(
        request,
        key_id="st-anna",
        created=datetime.datetime.fromtimestamp(NOW, datetime.UTC),
        nonce=NONCE,
        label="oncofed",
        tag="oncofed-request",
        covered_component_ids=("@method", "@path", "content-digest"),
        body=BODY,
    )
    got = verify_request(request.headers, target=TARGET, body=BODY, now=NOW, key_of=key_of)
    assert got == Signed("st-anna", NONCE, NOW)


def test_a_signed_request_says_who_when_and_which():
    got = verify_request(request_headers(), target=TARGET, body=BODY, now=NOW + 3.5, key_of=key_of)
    assert got == Signed("st-anna", NONCE, NOW)
    assert signed_claim(request_headers()) == got


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        (("GET", TARGET[1]), BODY, "signature-invalid"),
        (("POST", "/exchange/v1/results"), BODY, "signature-invalid"),
        (TARGET, BODY + b" ", "digest-mismatch"),
    ],
)
def test_another_method_path_or_body_is_refused(target, body, code):
    with pytest.raises(Corrupt, match=code):
        verify_request(request_headers(), target=target, body=body, now=NOW, key_of=key_of)


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("signature", "", "signature-missing"),
        ("signature", "oncofed=:AAAA:", "signature-missing"),
        ("signature", f"oncofed=:{'A' * 86}==:", "signature-invalid"),
        ("signature-input", "", "signature-missing"),
        ("content-digest", "", "digest-mismatch"),
        ("content-digest", content_digest(b"other"), "digest-mismatch"),
    ],
)
def test_a_changed_header_is_refused(header, value, code):
    headers = request_headers() | {header: value}
    with pytest.raises(Corrupt, match=code):
        verify_request(headers, target=TARGET, body=BODY, now=NOW, key_of=key_of)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (f"created={NOW}", f"created={NOW + 1}", "signature-invalid"),
        (NONCE, NONCE[::-1], "signature-invalid"),
        ('"st-anna"', f'"{HUB.public}"', "signature-invalid"),
        ('"st-anna"', '"nobody"', "key-unknown"),
        ('"ed25519"', '"hmac-sha256"', "signature-missing"),
        ('("@method" "@path" "content-digest")', "()", "signature-invalid-or-same"),
        ("oncofed-request", "oncofed-response", "signature-invalid-or-same"),
        ("oncofed=(", "sig1=(", "signature-missing"),
    ],
)
def test_changed_parameters_are_refused_or_change_nothing(old, new, code):
    headers = request_headers()
    changed = headers | {"signature-input": headers["signature-input"].replace(old, new)}
    assert changed != headers
    if code == "signature-invalid-or-same":
        # Cover and tag are never taken from the header: what was signed is what our profile says.
        assert verify_request(changed, target=TARGET, body=BODY, now=NOW, key_of=key_of).keyid == "st-anna"
        return
    with pytest.raises(Corrupt, match=code):
        verify_request(changed, target=TARGET, body=BODY, now=NOW, key_of=key_of)


@pytest.mark.parametrize("offset", [-TOLERANCE_SECONDS - 1, TOLERANCE_SECONDS + 1, 600, -600])
def test_a_clock_that_is_off_is_told(offset):
    with pytest.raises(Refused, match="clock-off"):
        verify_request(request_headers(), target=TARGET, body=BODY, now=NOW + offset, key_of=key_of)


@pytest.mark.parametrize("offset", [-TOLERANCE_SECONDS, 0, TOLERANCE_SECONDS])
def test_a_clock_within_the_tolerance_is_fine(offset):
    assert verify_request(request_headers(), target=TARGET, body=BODY, now=NOW + offset, key_of=key_of)


def test_a_response_belongs_to_one_request_and_one_status():
    headers = sign_response(HUB, status=200, body=BODY, nonce=NONCE, created=NOW)
    assert verify_response(headers, status=200, body=BODY, nonce=NONCE, key_of=key_of).keyid == HUB.public
    with pytest.raises(Corrupt, match="another request"):
        verify_response(headers, status=200, body=BODY, nonce=NONCE[::-1], key_of=key_of)
    with pytest.raises(Corrupt, match="signature-invalid"):
        verify_response(headers, status=403, body=BODY, nonce=NONCE, key_of=key_of)


def test_a_request_signature_is_no_response_signature():
    headers = request_headers()
    with pytest.raises(Corrupt, match="signature-invalid"):
        verify_response(headers, status=200, body=BODY, nonce=NONCE, key_of=key_of)


@pytest.mark.parametrize("changes", [{"nonce": "short"}, {"keyid": 'st"anna'}, {"keyid": ""}])
def test_what_the_profile_cannot_carry_is_not_signed(changes):
    with pytest.raises(ValueError, match="outside the profile"):
        request_headers(**changes)


def test_a_replay_is_refused_and_forgotten_in_time():
    seen = SeenNonces()
    first, second = Signed("st-anna", NONCE, NOW), Signed("st-anna", NONCE[::-1], NOW)
    seen.accept(first, NOW)
    seen.accept(second, NOW + 1)
    with pytest.raises(Refused, match="replayed"):
        seen.accept(first, NOW + TOLERANCE_SECONDS)
    seen.accept(Signed("other-node", NONCE, NOW), NOW + 2)
    seen.accept(first, NOW + 2 * TOLERANCE_SECONDS + 0.5)
    with pytest.raises(Refused, match="replayed"):
        seen.accept(second, NOW + 2 * TOLERANCE_SECONDS + 0.6)
