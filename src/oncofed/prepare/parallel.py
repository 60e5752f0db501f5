"""Doing the same to many things: here, or on the workers of Dask, a bounded number of them at a time."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from oncofed.contracts.errors import Unreachable

if TYPE_CHECKING:
    from distributed import Client

Given = TypeVar("Given")
Result = TypeVar("Result")

LOST = "prepare-worker-lost"
"""Code of a file that broke each worker that touched it."""
MEMORY = "2GB"
"""What one worker may take before Dask restarts it."""
ANSWER_S = 20.0
"""How long a scheduler may take to answer."""
PATIENCE_S = 120.0
"""How long there may be no worker at all: Dask starts anew those that died."""

_SETTINGS = {
    "distributed.scheduler.allowed-failures": 1,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
"""Nobody looks at what Dask measures of itself many times a second, on the cores that the work needs, nor at its pages.
A worker that died is waited for: after 15 s Dask would give it up for good, and on a busy computer one starts in 25 s.
"""


@dataclass(frozen=True)
class Lost(Generic[Given]):
    """Stands for a result that no worker lived to give: the thing broke each that tried."""

    thing: Given


class Workers(Protocol):
    """Applies a function of a module to things; results come in any order."""

    def map(self, function: Callable[[Given], Result], things: Iterable[Given]) -> Iterator[Result | Lost[Given]]:
        """The results as they come; ``things`` are taken only as fast as they are worked on."""
        ...


class Here:
    """No workers: one thing after the other, in the process that asks."""

    def map(self, function: Callable[[Given], Result], things: Iterable[Given]) -> Iterator[Result | Lost[Given]]:
        """The results in order."""
        return map(function, things)


class Cluster:
    """The workers of a Dask cluster."""

    def __init__(self, client: "Client") -> None:
        self._client = client

    def map(self, function: Callable[[Given], Result], things: Iterable[Given]) -> Iterator[Result | Lost[Given]]:
        """The results as they come; twice as many things are under way as there are threads.

        Raises:
            Unreachable: ``prepare-scheduler-silent``: no worker is left.
        """
        from distributed import KilledWorker
        from distributed.protocol import pickle

        waiting = iter(things)
        given: dict[Any, Given] = {}

        def send(number: int) -> None:
            for thing in itertools.islice(waiting, number):
                future = self._client.submit(_carried, pickle.dumps((function, thing)), pure=False)
                given[future] = thing

        send(2 * max(1, sum(self._client.nthreads().values())))
        while given:
            for future in self._done(given):
                thing = given.pop(future)
                try:
                    yield pickle.loads(self._result(future))
                except KilledWorker:
                    yield Lost(thing)
                send(1)

    def _done(self, futures: Iterable[Any]) -> Iterable[Any]:
        """Those that are done, once there is one."""
        from distributed import wait

        while True:
            try:
                done: Iterable[Any] = wait(list(futures), timeout=PATIENCE_S, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                self._somebody_works()
            else:
                return done

    def _result(self, future: Any) -> bytes:
        """What came of it; it is made again first if the worker that had it died meanwhile."""
        while True:
            try:
                result: bytes = future.result(timeout=PATIENCE_S)
            except TimeoutError:
                if future.status == "error":  # the thing itself ran into it
                    raise
                self._somebody_works()
            else:
                return result

    def _somebody_works(self) -> None:
        if not self._client.nthreads():
            raise Unreachable("prepare-scheduler-silent", "no worker is left") from None


def _carried(work: bytes) -> bytes:
    """Do what is in the bytes: the scheduler, through which they go, need not look into them."""
    from distributed.protocol import pickle

    function, thing = pickle.loads(work)
    result: bytes = pickle.dumps(function(thing))
    return result


@contextlib.contextmanager
def workers(count: int = 0, scheduler: str = "") -> Iterator[Workers]:
    """Workers for a stage: of the cluster at ``scheduler``, else ``count`` processes (0: one for each core; 1: here).

    Nobody else on this computer can give these processes work: they know each other by certificates made for the stage.

    Raises:
        Unreachable: ``prepare-scheduler-silent``.
    """
    count = count or os.cpu_count() or 1
    if not scheduler and count == 1:
        yield Here()
        return
    import dask
    from distributed import Client, LocalCluster, Security

    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(_SETTINGS))
        if scheduler:
            try:
                client = stack.enter_context(Client(scheduler, timeout=ANSWER_S))
            except (OSError, TimeoutError, ValueError) as error:  # ValueError: no address
                raise Unreachable("prepare-scheduler-silent", scheduler) from error
        else:
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    memory_limit=MEMORY,
                    protocol="tls",
                    security=Security.temporary(),
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                )
            )
            client = stack.enter_context(Client(cluster))
        yield Cluster(client)
