"""The worker as a process: killed in the middle, and told to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_a_killed_worker_loses_no_job_and_a_worker_that_is_told_to_end_ends(
    tmp_path: Path,
) -> None:
    environment = {
        **os.environ,
        "GEOBUK_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "marketplace.config.settings.sandbox",
    }
    environment.pop("GEOBUK_PG_NAME", None)

    result = subprocess.run(
        [sys.executable, "-m", "tests.marketplace.publishing.workers"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )

    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    assert report == {
        # SIGKILL in the middle: the job stays RUNNING, the listing is not on sale.
        "after_kill": ["RUNNING", "preparing", 0],
        # A second worker is told to end while it seals: it gives the job back.
        "after_term": [0, "READY", "preparing", 0],
        # The third one brings it to the end, and ends in idleness when told to.
        "at_last": [0, "SUCCESSFUL", "on_sale", 1],
        "leftovers": [],
    }
