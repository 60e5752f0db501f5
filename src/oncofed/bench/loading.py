"""How long one node takes to load all of IDC, and how much memory: in a process of its own, as a data manager would."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from oncofed.bench.local_federation import command
from oncofed.bench.report import Figure, Measured, median

RUNS = 3

_CHILD = """
import json, resource, sys, time
from oncofed.cli.main import main
begun = time.perf_counter()
try:
    main(sys.argv[1:])
except SystemExit as end:
    status = end.code
seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"status": status, "seconds": seconds, "peak_mib": peak}), file=sys.stderr)
"""


def load_once(*selection: str) -> tuple[float, float]:
    """Seconds and peak resident MiB of ``oncofed node load idc SELECTION`` into an empty node."""
    with tempfile.TemporaryDirectory(prefix="oncofed-bench-") as directory:
        environment = {**os.environ, "ONCOFED_DATA": str(Path(directory) / "node")}
        command("node", "init", "--title", "Bench", "--country", "IT", environment=environment)
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, "node", "load", "idc", *selection],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        told = json.loads(done.stderr.strip().splitlines()[-1])
    if told["status"]:
        raise RuntimeError(done.stderr)
    return told["seconds"], told["peak_mib"]


def measure(runs: int = RUNS, selection: tuple[str, ...] = ("--all",)) -> Measured:
    """The medians of ``runs`` loads."""
    loads = [load_once(*selection) for _ in range(runs)]
    figures = [
        Figure("load all of IDC into one node", median([seconds for seconds, _ in loads]), "s", at_most=30),
        Figure("peak memory of that load", median([peak for _, peak in loads]), "MiB", at_most=1536),
    ]
    return Measured(figures, [_only_reading()])


def _only_reading() -> Figure:
    """The physical limit beside it: only reading every column of the same Parquet file into DuckDB."""
    import duckdb
    import idc_index_data

    path = Path(idc_index_data.__file__).parent / "idc_index.parquet"
    begun = time.perf_counter()
    duckdb.sql(f"create temp table everything as select * from '{path}'")
    return Figure("only reading IDC's Parquet file into DuckDB", time.perf_counter() - begun, "s")
