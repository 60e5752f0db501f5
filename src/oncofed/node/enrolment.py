"""Making a node and introducing it to a hub. Nothing is done by hand after the token."""

import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from oncofed.contracts.errors import BadInput, Corrupt, Refused
from oncofed.contracts.exchange import Enrolled, Enrolment, Invitation
from oncofed.files import write_durably
from oncofed.node import identity
from oncofed.node.hub import Hub, Message, Peer
from oncofed.node.identity import HubIdentity, Identity
from oncofed.node.outbox import Outbox
from oncofed.node.policy import DEFAULT
from oncofed.node.session import SOFTWARE
from oncofed.node.settings import Settings, read_settings

_SETTINGS = """\
# Settings of this node; they are listed in docs/reference/settings.md.
title = {title}
country = {country}
# ca_file = "/etc/ssl/hospital-ca.pem"   # the hospital's own CA, if a proxy reads along
# memory_limit = "256MB"                 # most memory of one query
# threads = 2                            # threads of one query
# query_seconds = 20                     # longest time of one query
# log_level = "INFO"
"""


def init(directory: Path, *, title: str, country: str) -> Identity:
    """Make a node in ``directory``: keys, settings, and a policy file with its explanation.

    ``BadInput``: ``country-invalid``, ``settings-invalid`` (the title); ``Refused(node-exists)``. What a failed try
    left behind is completed by the next one.
    """
    if not (len(country) == 2 and country.isascii() and country.isupper()):
        raise BadInput("country-invalid", f"“{country}” is not a country code")
    if not title.strip():
        raise BadInput("settings-invalid", "a hospital needs a title")
    if (directory / "node.toml").exists():
        raise Refused("node-exists", f"{directory} holds a node")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = directory / "keys"
    own = identity.read(keys) if (keys / "node.key").exists() else identity.create(keys)
    if not (directory / "policy.toml").exists():
        write_durably(directory / "policy.toml", DEFAULT.encode())
    # The settings come last: they make the directory a node.
    content = _SETTINGS.format(title=_quoted(title), country=_quoted(country))
    write_durably(directory / "node.toml", content.encode())
    read_settings(directory, {})
    return own


def _quoted(text: str) -> str:
    """A TOML basic string (JSON's strings are a subset of them, but for one control character)."""
    return json.dumps(text.replace("\x7f", ""), ensure_ascii=False)


def enrol(settings: Settings, token: str) -> HubIdentity:
    """Introduce the node with an invitation token and pin the hub's key.

    Repeating it with the same token is harmless. ``BadInput(invitation-invalid)``, ``Refused(node-enrolled)``, and what
    the hub says to the token.
    """
    try:
        invitation = Invitation.from_token(token)
    except ValueError as error:  # pydantic's ValidationError is one
        raise BadInput("invitation-invalid") from error
    known = identity.pinned(settings.keys)
    if known is not None:
        raise Refused("node-enrolled", f"this node is {known.node_id} at {known.hub_url}")
    own = identity.read(settings.keys)
    peer = Peer(key=own.key, keyid=own.key.public, url=invitation.hub_url, hub_key=invitation.hub_key)
    message = Message("enrol", _enrolment(settings, invitation, own), {"what": "enrolment"})
    with Hub(peer, Outbox(settings.outbox_file), pin=lambda _: None, ca_file=settings.ca_file) as hub:
        enrolled = hub.call(message, Enrolled)
    if enrolled.node_id != invitation.node_id:
        raise Corrupt("message-invalid", "the hub enrolled another node")
    # A hub key newer than the invitation is learnt with the first session, by the rotation that the old one signed.
    pinned = HubIdentity(
        node_id=invitation.node_id,
        hub_url=invitation.hub_url,
        hub_key=invitation.hub_key,
        enrolled_at=datetime.now(UTC),
    )
    identity.pin(settings.keys, pinned)
    return pinned


def _enrolment(settings: Settings, invitation: Invitation, own: Identity) -> Enrolment:
    try:
        return Enrolment(
            node_id=invitation.node_id,
            secret=invitation.secret,
            public_key=own.key.public,
            title=settings.title,
            country=settings.country,
            software=SOFTWARE,
        )
    except ValidationError as error:
        raise BadInput("settings-invalid", "node.toml needs a title and a country") from error
