"""Who may do what: permissions, and the roles that carry them. A role is stored by its short ``key``."""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Permission(StrEnum):
    """Something a person may be allowed to do."""

    ASK_COUNT = "search.ask"
    SAVE_SEARCH = "search.save"
    SEE_NODE_HEALTH = "exchange.health"
    SEE_HOLDER_QUERIES = "search.asked-of-us"
    INVITE_NODE = "exchange.invite"
    MANAGE_PEOPLE = "accounts.manage"
    SEE_TRACE = "trace.see"


@dataclass(frozen=True)
class Role:
    """A role in an organisation, described for the people who give it."""

    key: str
    title: str | Promise
    description: str | Promise
    permissions: frozenset[Permission]


RESEARCHER = Role(
    "researcher",
    _("Researcher"),
    _("Searches across all hospitals and keeps searches. Sees protected numbers only."),
    frozenset({Permission.ASK_COUNT, Permission.SAVE_SEARCH}),
)
DATA_HOLDER = Role(
    "data-holder",
    _("Data holder"),
    _("Looks after an organisation's data: sees its node's state and what was asked of it. Decides at the node."),
    frozenset({
        Permission.ASK_COUNT, Permission.SAVE_SEARCH, Permission.SEE_NODE_HEALTH, Permission.SEE_HOLDER_QUERIES,
    }),
)  # fmt: skip
ACCESS_COMMITTEE = Role(
    "access-committee",
    _("Access committee"),
    _("Reviews requests for access and records reasons. Sees the trace."),
    frozenset({Permission.ASK_COUNT, Permission.SAVE_SEARCH, Permission.SEE_TRACE}),
)
OPERATOR = Role(
    "operator",
    _("Operator"),
    _("Runs the hub: invites nodes, manages people, watches health. Sees no number that a researcher does not see."),
    frozenset({
        Permission.ASK_COUNT, Permission.SAVE_SEARCH, Permission.SEE_NODE_HEALTH, Permission.INVITE_NODE,
        Permission.MANAGE_PEOPLE, Permission.SEE_TRACE,
    }),
)  # fmt: skip

ROLES: dict[str, Role] = {role.key: role for role in (RESEARCHER, DATA_HOLDER, ACCESS_COMMITTEE, OPERATOR)}
