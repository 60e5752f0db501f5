"""A database engine: as ``django.db.backends.sqlite3``, but the threads of one process wait in line to write.

SQLite has one writer. Whoever finds the database taken sleeps and tries again, up to a tenth of a second at a time, and
may find it taken again: under load some wait for seconds. Here a transaction that will write (IMMEDIATE) first takes a
lock of this process, which is handed on at once. Other processes (commands beside a serving hub) are met as ever.
"""

import threading
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

WAIT_SECONDS = 20.0
_line = threading.Lock()


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that holds its place in the line from BEGIN to COMMIT or ROLLBACK."""

    _writing = False

    def _start_transaction_under_autocommit(self) -> None:
        if not self._writing:
            if not _line.acquire(timeout=WAIT_SECONDS):
                raise OperationalError("database is locked")
            self._writing = True
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc] # the stubs leave it out
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        if self._writing:
            self._writing = False
            _line.release()

    def _commit(self) -> Any:
        done = super()._commit()  # type: ignore[misc] # the stubs leave it out
        self._leave()  # a commit that failed is rolled back: the place is kept until then
        return done

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc] # as above
        finally:
            self._leave()

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc] # as above
        finally:
            self._leave()
