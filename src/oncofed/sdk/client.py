"""``Hub``: what a researcher does with a hub from Python. ``Count``: the handle of a question that is on its way."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from oncofed.contracts.errors import Unreachable
from oncofed.contracts.outcome import Facets, Outcome, Parsed
from oncofed.contracts.query import Query
from oncofed.sdk import tables
from oncofed.sdk.credentials import chosen_hub, credentials, token_of_environment
from oncofed.sdk.sign_in import FixedToken, StoredToken
from oncofed.sdk.transport import Transport

if TYPE_CHECKING:
    import pandas as pd

POLL_SECONDS = 20.0
PATIENCE_SECONDS = 30.0
"""How long a question already asked is followed while the hub does not answer: long enough for it to be restarted."""
AGAIN_SECONDS = 0.5
PAGE = 500

Progress = Callable[[Outcome], None]


def connect(url: str | None = None, token: str | None = None) -> "Hub":
    """A hub to ask: the address and token given, else ``ONCOFED_HUB`` and ``ONCOFED_TOKEN``, else `oncofed login`'s.

    Nothing is sent yet. Without a token the hub answers from the published cubes only.
    """
    address = chosen_hub(url)
    given = token if token is not None else token_of_environment()
    known = FixedToken(given) if given is not None else StoredToken(address, credentials)
    return Hub(Transport(address, known))


class Hub:
    """A hub. Queries may be text (``modality = MR and age 50..70``) or built with ``oncofed.where``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.url = transport.url

    def __repr__(self) -> str:
        return f"<oncofed hub {self.url}>"

    def count(
        self,
        query: str | Query,
        by: str | None = None,
        datasets: Sequence[str] | None = None,
        purpose: str | None = None,
        progress: Progress | None = None,
    ) -> "pd.DataFrame":
        """How many patients match, a row for each node (or each value of ``by``); waits until all have answered.

        Each number is the noisy count as the node sent it, with its 95 % interval. ``attrs`` holds ``total``,
        ``interval``, ``notes`` and ``unanswered``. ``progress`` is called with each partial outcome.
        """
        return self.ask(query, by=by, datasets=datasets, purpose=purpose).table(progress)

    def ask(
        self,
        query: str | Query,
        by: str | None = None,
        datasets: Sequence[str] | None = None,
        purpose: str | None = None,
    ) -> "Count":
        """Put the question and return at once with a handle to its answers."""
        body = {
            "by": by,
            "datasets": list(datasets) if datasets is not None else None,
            "purpose": purpose,
        }
        reply = self._transport.post("counts", {**_question(query), **body})
        return Count(self._transport, Outcome.model_validate(reply))

    def count_of(self, identifier: str) -> "Count":
        """The handle of an earlier question of yours."""
        return Count(
            self._transport,
            Outcome.model_validate(self._transport.get(f"counts/{identifier}")),
        )

    def facets(self, query: str | Query = "", datasets: Sequence[str] | None = None) -> "pd.DataFrame":
        """Counts for the values of each criterion beside ``query``, from the published cubes: instant and free."""
        text = query if isinstance(query, str) else query.text()
        reply = self._transport.get("facets", text=text, datasets=",".join(datasets) if datasets else None)
        return tables.facets_table(Facets.model_validate(reply))

    def parse(self, query: str | Query) -> Parsed:
        """The query as the hub understands it: canonical text, a plain sentence, and notes on what was read how."""
        text = query if isinstance(query, str) else query.text()
        return Parsed.model_validate(self._transport.get("parse", text=text))

    def datasets(self, text: str | None = None, **filters: str) -> "pd.DataFrame":
        """The catalogue, one row a dataset. Filters: ``cancer``, ``modality``, ``country``, ``node``, ``programme``."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._transport.get("datasets", search=text, limit=PAGE, offset=len(found), **filters)
            found += page["items"]
            if not page["items"] or len(found) >= page["count"]:
                return tables.datasets_table(found)

    def dataset(self, identifier: str) -> dict[str, Any]:
        """All that is published about one dataset."""
        return dict(self._transport.get(f"datasets/{identifier}"))

    def criteria(self, name: str | None = None) -> list[dict[str, Any]]:
        """What can be asked: all criteria, or one with its values."""
        reply = self._transport.get(f"criteria/{name}" if name else "criteria")
        return [reply] if name else list(reply)

    def figures(self) -> dict[str, Any]:
        """The hub's own size: nodes, countries, datasets, and the bands of cases, studies, series and images."""
        return dict(self._transport.get("figures"))

    def whoami(self) -> dict[str, Any]:
        """The person the token belongs to; ``signed_in`` is False without one."""
        return dict(self._transport.get("whoami"))

    def searches(self) -> list[dict[str, Any]]:
        """Your saved searches, newest first, each with its ``url`` (a permalink that shows the query, no result)."""
        return list(self._transport.get("searches"))

    def save(self, title: str, query: str | Query) -> dict[str, Any]:
        """Save a search under a title."""
        return dict(self._transport.post("searches", {"title": title, **_question(query)}))

    def close(self) -> None:
        """Let the connection go."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _question(query: str | Query) -> dict[str, Any]:
    if isinstance(query, str):
        return {"text": query}
    return {"query": query.model_dump(mode="json")}


class Count:
    """A question on its way. ``outcome`` is the latest known; ``url`` is its page in the portal."""

    def __init__(self, transport: Transport, outcome: Outcome) -> None:
        self._transport = transport
        self.outcome = outcome
        self.id = outcome.id
        self.url = outcome.url

    def __repr__(self) -> str:
        state = "complete" if self.outcome.complete else "waiting for answers"
        return f"<count of “{self.outcome.text}”: {state}>"

    def updates(self) -> Iterator[Outcome]:
        """Each new state of the answer until it is complete. A stream that a proxy cuts goes on as long polls."""
        try:
            for line in self._transport.lines(f"counts/{self.id}/stream"):
                self.outcome = Outcome.model_validate(line)
                yield self.outcome
        except Unreachable:
            if self.outcome.complete:
                return
        while not self.outcome.complete:
            seen = self.outcome.version
            self.outcome = Outcome.model_validate(self._next_state(seen))
            if self.outcome.version != seen or self.outcome.complete:
                yield self.outcome

    def _next_state(self, seen: int) -> Any:
        """The reply to one long poll; a hub that is being restarted is waited for."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._transport.get(f"counts/{self.id}", wait=POLL_SECONDS, seen=seen)
            except Unreachable:
                if time.monotonic() > until:
                    raise
                time.sleep(AGAIN_SECONDS)

    def wait(self, progress: Progress | None = None) -> Outcome:
        """The complete outcome: every node has answered or is named with its reason."""
        if not self.outcome.complete:
            for outcome in self.updates():
                if progress is not None:
                    progress(outcome)
        return self.outcome

    def table(self, progress: Progress | None = None) -> "pd.DataFrame":
        """The complete outcome as a DataFrame (see ``Hub.count``)."""
        return tables.outcome_table(self.wait(progress))
