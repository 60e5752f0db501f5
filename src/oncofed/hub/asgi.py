"""What the ASGI server runs: ``application``. Importing it loads Django."""

import os
from typing import TYPE_CHECKING

from django.core.asgi import get_asgi_application

if TYPE_CHECKING:
    from oncofed.hub.gateway import Application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oncofed.hub.settings")
_django = get_asgi_application()


def _gateway() -> "Application":
    from oncofed.hub.gateway import Application  # its models need Django loaded

    return Application(_django)


application = _gateway()
