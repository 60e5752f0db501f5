"""Django for commands: which data directory, and its settings loaded. Servers start from ``asgi``."""

import os
from pathlib import Path

from oncofed.contracts.errors import BadInput
from oncofed.hub import configuration


def choose(data_dir: Path | None) -> Path:
    """The data directory, told to everything that reads the configuration; what is written in it is private."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oncofed.hub.settings")
    os.umask(0o077)
    directory = (data_dir or configuration.DEFAULT_DIRECTORY).expanduser().resolve()
    os.environ["ONCOFED_DATA"] = str(directory)
    return directory


def load() -> configuration.Configuration:
    """Django with its settings; the configuration."""
    import django
    from django.conf import settings

    django.setup()
    loaded: configuration.Configuration = settings.CONFIGURATION
    return loaded


def load_made() -> configuration.Configuration:
    """As ``load``; ``BadInput(hub-not-initialised)`` unless there is a hub."""
    loaded = load()
    if not (loaded.keys_directory / "hub.key").exists():
        raise BadInput("hub-not-initialised", f"{loaded.data_directory} holds no hub")
    return loaded
