"""The hub's pages and API over loopback, in a thread of the test; nodes are played by the test itself."""

import contextlib
import threading
import time
from collections.abc import Iterator

import uvicorn


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Serve the hub until the block ends; its address. Needs ``transactional_db``: other threads must see the data."""
    from oncofed.hub.asgi import application

    configuration = uvicorn.Config(application, host="127.0.0.1", port=0, lifespan="off", log_level="error")
    server = uvicorn.Server(configuration)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        _close_reading_connections()


def _close_reading_connections() -> None:
    """Let the threads that read outcomes close their connections: a test's database cannot be dropped before."""
    from django.db import connection

    from oncofed.hub.search import stream

    together = threading.Barrier(stream.READERS)

    def close() -> None:
        together.wait(10)
        connection.close()

    for closing in [stream._readers.submit(close) for _ in range(stream.READERS)]:
        closing.result()
