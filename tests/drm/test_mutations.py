"""What somebody changed by chance opens nothing, and breaks no reader; `make bench` tries more."""

from __future__ import annotations

import secrets

from benchmarks.mutations import CHANGES, try_all


def test_changed_licences_leases_and_statuses_do_not_open() -> None:
    seed = secrets.randbits(32)

    assert try_all(100 * len(CHANGES), seed=seed) == 0, f"seed {seed}"
