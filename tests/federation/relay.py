"""A TCP relay between a node and its hub that can be cut, can cut long calls, and can hold bytes back."""

import contextlib
import selectors
import socket
import threading
import time


class Relay:
    """Forwards connections to ``127.0.0.1:target``. Threads end with ``close``."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.is_cut = False
        self.longest_seconds: float | None = None
        """Connections older than this are cut, as an impatient proxy does."""
        self.hold_seconds = 0.0
        """Bytes from the hub are gathered this long before they go on, as a buffering proxy does."""
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        self.is_cut = True
        for side in list(self._open):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        self.is_cut = False

    def close(self) -> None:
        """End the relay."""
        self._closing = True
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            self.connections += 1
            threading.Thread(target=self._forward, args=(near,), daemon=True).start()

    def _forward(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), near, socket.create_connection(("127.0.0.1", self._target)) as far:
            self._open |= {near, far}
            try:
                self._pump(near, far, time.monotonic())
            finally:
                self._open -= {near, far}

    def _pump(self, near: socket.socket, far: socket.socket, begun: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while not self.is_cut:
                if self.longest_seconds is not None and time.monotonic() - begun > self.longest_seconds:
                    return
                for ready, _ in selector.select(0.1):
                    source, sink = ready.fileobj, ready.data
                    assert isinstance(source, socket.socket)
                    if source is far and self.hold_seconds:
                        time.sleep(self.hold_seconds)
                    received = source.recv(1 << 16)
                    if not received:
                        return
                    sink.sendall(received)
