"""Logs are lines of JSON, without requests and their cookies."""

import json
import logging
import sys

from oncofed.hub.core.logs import JsonLines


def test_a_line_holds_what_was_said_and_named():
    record = logging.LogRecord("oncofed.x", logging.WARNING, "f.py", 1, "node %s", ("north",), None)
    record.status = 503
    record.request = "GET /?secret"
    line = json.loads(JsonLines().format(record))
    assert line.pop("at").endswith("+00:00")
    assert line == {"level": "warning", "logger": "oncofed.x", "message": "node north", "status": "503"}


def test_an_error_brings_its_traceback():
    try:
        raise ValueError("no")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f.py", 1, "failed", (), sys.exc_info())
    assert "ValueError: no" in json.loads(JsonLines().format(record))["traceback"]
