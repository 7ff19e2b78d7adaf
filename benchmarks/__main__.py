"""`make bench`: run every benchmark, print a table, keep it in benchmarks/out/latest.json.

`python -m benchmarks sealing player` runs those two alone.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.results import Result

OUT = Path(__file__).parent / "out" / "latest.json"
# What drm does alone, then in the order of the way of the data.
NAMES = [
    "licences",
    "mutations",
    "streams",
    "sealing",
    "upload",
    "download",
    "offload",
    "announces",
    "crowd",
    "kills",
    "idle",
    "player",
    "checkouts",
    "schedules",
]


def main(names: list[str]) -> int:
    """Run the benchmarks called `names` (all where none is), and say how they stand."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.config.settings.test")
    if unknown := sorted(set(names) - set(NAMES)):
        print(f"No such benchmark: {', '.join(unknown)}. There are: {', '.join(NAMES)}.")
        return 2
    results: list[Result] = []
    for name in names or NAMES:
        print(f"{name} …", flush=True)
        began = time.monotonic()
        results += importlib.import_module(f"benchmarks.{name}").run()
        print(f"{name} took {time.monotonic() - began:.0f} s", flush=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([r.as_json() for r in results], indent=1, ensure_ascii=False) + "\n")
    Console().print(_table(results))
    return int(any(r.must and r.ok is False for r in results))


def _table(results: list[Result]) -> Table:
    table = Table("what", "figure", "reference", "ratio", "bar", "")
    for r in results:
        sign = "≤" if r.bar_is_most else "≥"
        table.add_row(
            r.name,
            f"{r.value:,.2f} {r.unit}",
            "" if r.reference is None else f"{r.reference:,.2f}",
            "" if r.ratio is None else f"{r.ratio:.2f}",
            "" if r.bar is None else f"{sign} {r.bar:g}",
            {True: "ok", False: "below the bar", None: ""}[r.ok],
        )
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
