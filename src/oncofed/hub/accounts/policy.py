"""May this person? Roles decide; a refusal says why in the person's words."""

from oncofed.contracts.errors import Refused
from oncofed.hub.accounts import queries
from oncofed.hub.accounts.models import Organisation, User
from oncofed.hub.accounts.roles import Permission


def holds(person: User, permission: Permission, organisation: Organisation | None = None) -> bool:
    """Whether a role of the person (in ``organisation``, if given) carries the permission."""
    return person.is_active and any(
        permission in membership.role.permissions
        for membership in queries.memberships(person)
        if organisation is None or membership.organisation_id == organisation.pk
    )


def require(person: User, permission: Permission, organisation: Organisation | None = None) -> None:
    """``Refused(permission-missing)`` unless ``holds``."""
    if not holds(person, permission, organisation):
        raise Refused("permission-missing", f"none of your roles allows “{permission.value}”")
