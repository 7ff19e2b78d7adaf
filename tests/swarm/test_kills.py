from __future__ import annotations

from pathlib import Path

import pytest

from tests.swarm.kill_loop import RATE, SAVE_SECONDS, KillLoop

pytestmark = [pytest.mark.swarm, pytest.mark.usefixtures("socket_enabled")]


def test_killed_again_and_again_nothing_is_lost(tmp_path: Path) -> None:
    outcome = KillLoop(tmp_path, seed=20).run(["download", "copy", "download", "rename", "copy"])

    assert outcome.kills == {"download": 2, "copy": 2, "rename": 1}
    assert outcome.lost == 0
    assert max(outcome.fetched_again) <= RATE * SAVE_SECONDS
    assert outcome.completed >= 1
