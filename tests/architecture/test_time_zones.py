"""What reckons with time does so in no zone: a day early or late would show here.

`GEOBUK_TEST_TZ=Pacific/Kiritimati make test` runs every test there, 14 hours before UTC;
here both ends of the world run the tests that are about time.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import zoneinfo
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ZONES = ("Pacific/Kiritimati", "America/Los_Angeles")
ABOUT_TIME = (
    "tests/architecture/test_time_zones.py::test_this_process_is_in_its_zone",
    "tests/drm/test_audit.py",
    "tests/drm/test_decision.py",
    "tests/drm/test_encoding.py",
    "tests/drm/test_lease.py",
    "tests/drm/test_licence.py",
    "tests/drm/test_proof.py",
    "tests/drm/test_status_and_issuer.py",
    "tests/drm/test_status_order.py",
    "tests/drm/test_surrender.py",
    "tests/drm/test_trust.py",
    "tests/marketplace/licensing/test_licences.py",
    "tests/seeder/test_records.py",
    "tests/seeder/test_leases.py",
)


def test_this_process_is_in_its_zone() -> None:
    """What holds the run below to its word."""
    zone = zoneinfo.ZoneInfo(os.environ.get("GEOBUK_TEST_TZ", "UTC"))
    now = dt.datetime.now(dt.UTC)

    assert now.astimezone().utcoffset() == now.astimezone(zone).utcoffset()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("zone", ZONES)
def test_what_is_about_time_passes_at_both_ends_of_the_world(zone: str) -> None:
    environment = {**os.environ, "GEOBUK_TEST_TZ": zone}
    # As a process of its own, not as a worker of this run.
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *ABOUT_TIME],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-5000:]
