"""One missing piece between allauth (65.21) and oauthlib (from 4.0.1), which made the piece mandatory.

allauth looks the device code up, and uses it up, before it calls oauthlib, and then names the person in the request.
oauthlib now asks the validator for the code's status once more; allauth's validator does not answer yet.
"""

from allauth.idp.oidc.internal.oauthlib.request_validator import OAuthLibRequestValidator
from oauthlib.common import Request
from oauthlib.oauth2.rfc8628.grant_types.device_code import DeviceCodeGrant


def status(validator: object, client_id: str, code: str, request: Request) -> str | None:
    """Authorised if allauth has found, for this very request, the person who confirmed the code; else unknown."""
    authorised: str = DeviceCodeGrant.DEVICE_CODE_AUTHORIZED
    return authorised if getattr(request, "user", None) is not None else None


def repair() -> None:
    """Give allauth's validator the answer, unless it has its own."""
    if not hasattr(OAuthLibRequestValidator, "validate_device_code"):
        OAuthLibRequestValidator.validate_device_code = status
