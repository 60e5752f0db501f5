"""The SDK's way to the hub: JSON over HTTP, every failure one of ``contracts.errors``."""

import json
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from oncofed import __version__
from oncofed.contracts.errors import (
    CODES,
    BadInput,
    Corrupt,
    OncofedError,
    Position,
    QueryError,
    Refused,
    Unreachable,
)

if TYPE_CHECKING:
    import httpx

API = "/api/v1/"
SILENCE_SECONDS = 40.0
"""The hub says something at least every 15 s on a stream and answers a long poll within 25 s."""

_BY_EXIT_STATUS = {2: BadInput, 3: Refused, 4: Unreachable, 5: Corrupt}


class Token(Protocol):
    """Where the token comes from that goes with every call."""

    def current(self) -> str:
        """The token; "" to call as nobody."""


class Transport:
    """One kept-alive connection to a hub. Safe to use from several threads, as httpx's client is."""

    def __init__(self, url: str, token: Token, transport: "httpx.BaseTransport | None" = None) -> None:
        import httpx

        self.url = url
        self._token = token
        headers = {"user-agent": f"oncofed/{__version__}", "accept": "application/json"}
        self._client = httpx.Client(
            base_url=url + API,
            headers=headers,
            timeout=SILENCE_SECONDS,
            transport=transport,
            follow_redirects=True,
        )
        self._failure = httpx.TransportError
        weakref.finalize(self, self._client.close)  # `oncofed.connect().count(…)` in one line leaves nothing open

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON at ``path``; parameters that are None are left out."""
        return self._call("GET", path, params=given(parameters))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that answers ``body``."""
        return self._call("POST", path, json=given(body))

    def delete(self, path: str) -> None:
        """Remove what stands at ``path``."""
        self._call("DELETE", path)

    def lines(self, path: str, **parameters: Any) -> Iterator[Any]:
        """JSON values as the hub writes them, one a line; empty lines keep the connection alive."""
        try:
            with self._client.stream("GET", path, params=given(parameters), headers=self._authorisation()) as response:
                if response.is_error:
                    response.read()
                    raise refusal(response.status_code, response.text)
                for line in response.iter_lines():
                    if line.strip():
                        yield _json(line)
        except self._failure as error:
            raise Unreachable("hub-silent", f"{self.url} ({type(error).__name__})") from error

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def _authorisation(self) -> dict[str, str]:
        token = self._token.current()
        return {"authorization": f"Bearer {token}"} if token else {}

    def _call(self, method: str, path: str, **content: Any) -> Any:
        try:
            response = self._client.request(method, path, headers=self._authorisation(), **content)
        except self._failure as error:
            raise Unreachable("hub-silent", f"{self.url} ({type(error).__name__})") from error
        if response.is_error:
            raise refusal(response.status_code, response.text)
        return _json(response.text) if response.content else None


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Corrupt("reply-unreadable", f"not JSON: {text[:60]!r}") from error


def refusal(status: int, body: str) -> OncofedError:
    """The error that the hub's non-2xx reply stands for; a code of a newer hub becomes ``hub-refused``."""
    try:
        problem = json.loads(body)
        code, detail = str(problem["code"]), str(problem.get("detail", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Corrupt("reply-unreadable", f"HTTP status {status}")
    entry = CODES.get(code)
    if entry is None:
        return Refused("hub-refused", f"{code}: {detail}")
    if code.startswith("query-") and entry.exit_status == 2:
        place = problem.get("position")
        error = QueryError(code, detail, position=Position(*place) if place else None)
        error.suggestion = problem.get("suggestion")
        return error
    return _BY_EXIT_STATUS.get(entry.exit_status, OncofedError)(code, detail)
