"""The page on which a person confirms that a program may act for them."""

from allauth.idp.oidc.views import device_authorization
from django.http import HttpRequest, HttpResponse


def device(request: HttpRequest) -> HttpResponse:
    """Ask for the code, show what is asked, confirm or decline.

    allauth's own view is exempt from Django's form token; behind this one, which is not, another site cannot confirm.
    """
    response: HttpResponse = device_authorization(request)
    return response
