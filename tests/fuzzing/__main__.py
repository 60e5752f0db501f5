"""Fuzzing for hours: ``python -m tests.fuzzing [--cases N] [--seed N] [--keep FOLDER] [READER …]``.

Every case is one seed of its own, so what is found is found again by ``--seed N --cases 1``.
"""

import argparse
import collections
import logging
import sys
import tempfile
import traceback
from pathlib import Path

from tests.fuzzing.running import case, result
from tests.fuzzing.targets import TARGETS


def main() -> int:
    """Run the cases; 1 if a defect was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing")
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(TARGETS))
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzzing"))
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    failed = 0
    for name in given.readers or TARGETS:
        outcomes: collections.Counter[str] = collections.Counter()
        seen: set[str] = set()
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(given.seed, given.seed + given.cases):
                try:
                    outcomes[result(TARGETS[name], seed, Path(folder))] += 1
                except BaseException as error:
                    if isinstance(error, KeyboardInterrupt):
                        raise
                    outcomes[f"DEFECT {type(error).__name__}"] += 1
                    lines = traceback.format_exc().splitlines()
                    where = next((line for line in reversed(lines) if "oncofed" in line or "fuzzing" in line), "")
                    if where not in seen:
                        seen.add(where)
                        given.keep.mkdir(parents=True, exist_ok=True)
                        (given.keep / f"{name}-{seed}").write_bytes(case(TARGETS[name], seed))
                        print(f"{name} seed {seed}:", *lines[-14:], sep="\n    ", flush=True)
        failed += any(one.startswith("DEFECT") for one in outcomes)
        print(f"{name}: {given.cases:,} cases:", dict(outcomes.most_common()), flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
