"""Keys, signatures and key rotation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.contracts.errors import Corrupt
from oncofed.contracts.exchange import KeyRotation
from oncofed.trust import SigningKey, verify
from oncofed.trust.keys import decode, encode, follow_rotations, rotate

RFC_8032_TEST_2 = (
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
)


def test_signs_as_rfc_8032_says():
    secret, public, message, signature = map(bytes.fromhex, RFC_8032_TEST_2)
    key = SigningKey.from_bytes(secret)
    assert key.public == encode(public)
    assert key.sign(message) == encode(signature)
    assert verify(key.public, message, encode(signature))


def test_a_key_survives_its_bytes_and_never_shows_them():
    key = SigningKey.generate()
    assert SigningKey.from_bytes(key.to_bytes()).public == key.public
    assert encode(key.to_bytes()) not in repr(key)
    assert key.public in repr(key)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length):
    with pytest.raises(Corrupt, match="key-invalid"):
        SigningKey.from_bytes(bytes(length))


@given(st.binary(max_size=64))
def test_base64url_survives(raw):
    assert decode(encode(raw)) == raw


@pytest.mark.parametrize("text", ["A", "AA==", "A+/A", "AB", "Ä", "AAAA\n"])
def test_only_canonical_base64url_is_read(text):
    with pytest.raises(ValueError, match=r"base64url|ascii"):
        decode(text)


def test_another_message_key_or_text_does_not_verify():
    key, other = SigningKey.generate(), SigningKey.generate()
    signature = key.sign(b"message")
    assert verify(key.public, b"message", signature)
    assert not verify(key.public, b"massage", signature)
    assert not verify(other.public, b"message", signature)
    assert not verify("not a key", b"message", signature)
    assert not verify(key.public, b"message", signature[:-4])


def test_rotations_lead_from_any_old_key_to_the_newest():
    first, second, third = (SigningKey.generate() for _ in range(3))
    rotations = (rotate(second, third.public), rotate(first, second.public))
    assert follow_rotations(first.public, rotations) == third.public
    assert follow_rotations(second.public, rotations) == third.public
    assert follow_rotations(third.public, rotations) == third.public
    assert follow_rotations(first.public, ()) == first.public


def test_a_rotation_that_the_old_key_did_not_sign_is_refused():
    old, new, thief = (SigningKey.generate() for _ in range(3))
    forged = KeyRotation(old=old.public, new=thief.public, signature=rotate(thief, thief.public).signature)
    for link in (forged, rotate(old, new.public).model_copy(update={"new": thief.public})):
        with pytest.raises(Corrupt, match="key-rotation-invalid"):
            follow_rotations(old.public, [link])


def test_a_circle_of_rotations_is_refused():
    one, two = SigningKey.generate(), SigningKey.generate()
    with pytest.raises(Corrupt, match="key-rotation-invalid"):
        follow_rotations(one.public, [rotate(one, two.public), rotate(two, one.public)])
