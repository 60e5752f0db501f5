"""Doing once, before anybody asks, what the first question would otherwise wait for."""

import logging

from django.db import DatabaseError, connection

from oncofed.contracts.query import parse
from oncofed.hub.search.queries import facets

_log = logging.getLogger(__name__)


def warm() -> None:
    """Read the grammar and the catalogue into this process. A database that is not ready yet is no reason to fail."""
    try:
        facets(parse("modality = MR").query)
    except DatabaseError:
        _log.warning("the catalogue could not be read before the start")
    finally:
        connection.close()
