"""Fifty kills (-9) at random moments of downloading, saving and moving: what is lost, what comes again.

The moments are drawn anew in each run, from a seed that is printed: `SEED=… make bench
ARGS=kills`. After each one every piece on the disk is hashed, and the next session has to
find it; a store that was being moved has to be whole, file by file.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import tempfile
from pathlib import Path

from benchmarks.results import Result
from tests.swarm.kill_loop import RATE, SAVE_SECONDS, KillLoop

__all__ = ["run"]

KILLS = 50
KINDS = ["download", "download", "copy", "rename"]


def run() -> list[Result]:
    """Kill, and count bytes."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(2**32))
    print(f"  SEED={seed}", flush=True)
    kinds = random.Random(seed).choices(KINDS, k=KILLS)  # noqa: S311  # moments, not secrets
    folder = Path(tempfile.mkdtemp(prefix="geobuk-kills-"))
    try:
        outcome = KillLoop(folder, seed=seed).run(kinds)
    finally:
        shutil.rmtree(folder)
    killed = ", ".join(f"{count} × {kind}" for kind, count in sorted(outcome.kills.items()))
    return [
        Result(
            name=f"kill -9 at random moments ({killed}): lost",
            value=outcome.lost,
            unit="bytes",
            bar=0,
            bar_is_most=True,
            must=True,
        ),
        Result(
            name="kill -9 at random moments of a download: fetched again, the worst of them, "
            f"against {SAVE_SECONDS:g} s between savings",
            value=max(outcome.fetched_again) / 1e6,
            unit="MB",
            reference=RATE * SAVE_SECONDS / 1e6,
            ratio=max(outcome.fetched_again) / (RATE * SAVE_SECONDS),
            bar=1,
            bar_is_most=True,
        ),
    ]
