"""What every template may say about the hub itself."""

from django.conf import settings
from django.http import HttpRequest

from oncofed import __version__


def hub(request: HttpRequest) -> dict[str, object]:
    """``hub``: its configuration's title, contact and address, and the software's version."""
    configuration = settings.CONFIGURATION
    return {
        "hub": {
            "title": configuration.title,
            "contact": configuration.contact,
            "url": configuration.public_url,
            "version": __version__,
            "openid": configuration.oidc.name if configuration.oidc else "",
        }
    }
