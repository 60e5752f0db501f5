"""The node's session at the hub: opening it, and taking back what a restored ledger has lost."""

import logging
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from oncofed import __version__
from oncofed.contracts.errors import Corrupt, Refused
from oncofed.contracts.exchange import PROTOCOL, Answered, AnsweredSince, Hello, LedgerEntry, Welcome
from oncofed.disclosure.ledger_chain import missing_here
from oncofed.node.hub import Hub, Message
from oncofed.node.ledger import Ledger

SOFTWARE = f"oncofed/{__version__}"
OLDEST_PROTOCOL = 1
_log = logging.getLogger(__name__)


@dataclass
class Session:
    """One agent's session. ``problem``: a code, if the ledger cannot be trusted: then there is no live count."""

    hub: Hub
    ledger: Ledger
    problem: str | None = None
    instance: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    is_open: bool = False
    hub_time: datetime | None = None
    _was_open: bool = False

    def open(self) -> None:
        """Say hello. A hub that has seen more of this node makes it recover its ledger first.

        ``Refused(node-superseded)`` if that happens while this agent runs: a copy of the node is at work elsewhere.
        """
        last = self._last()
        try:
            welcome = self._hello(self.ledger.epoch + 1, last)
        except Refused as refusal:
            if refusal.code != "node-behind":
                raise
            if self._was_open:
                raise Refused("node-superseded") from refusal
            answered = self._recover()
            welcome = self._hello(answered.epoch + 1, max(self._last(), answered.last))
        if not OLDEST_PROTOCOL <= welcome.protocol <= PROTOCOL:
            raise Refused("protocol-unsupported", f"the hub speaks version {welcome.protocol}")
        self.ledger.open_session(welcome.epoch)
        self.hub_time = welcome.hub_time
        self.is_open = self._was_open = True

    def _last(self) -> int:
        last = self.ledger.last()
        return 0 if last is None else last.sequence

    def _hello(self, epoch: int, ledger_sequence: int) -> Welcome:
        hello = Hello(software=SOFTWARE, instance=self.instance, epoch=epoch, ledger_sequence=ledger_sequence)
        return self.hub.call(Message("session", hello, {"what": "opening a session"}), Welcome)

    def _recover(self) -> Answered:
        """Take back from the hub the entries this ledger lacks, if they are ours and leave no gap; never rewind."""
        own = self.ledger.last()
        theirs: list[LedgerEntry] = []
        since = max(0, own.sequence - 1) if own else 0
        while True:
            page = self._answered(since)
            theirs += page.entries
            if not page.entries or not since < page.entries[-1].sequence < page.last:
                break
            since = page.entries[-1].sequence
        try:
            if self.problem:
                raise Corrupt(self.problem)
            later = missing_here(own, theirs, page.last, self.hub.peer.key.public)
            self.ledger.adopt(later)
            _log.warning("recovered %d ledger entries from the hub", len(later))
        except (Corrupt, Refused) as error:
            self.problem = error.code
            _log.error("the ledger cannot be recovered, so there are no live counts: %s", error)
        return page

    def _answered(self, since: int) -> Answered:
        about = {"what": "asking which answers the hub has"}
        return self.hub.call(Message("answered", AnsweredSince(sequence=since), about), Answered)
