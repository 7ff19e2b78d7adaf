"""The master key is replaced under a reader's eyes, and the replacement is killed midway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

NAME = "geobuk_rotation"


@pytest.mark.race
@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_a_reader_misses_no_key_while_rotations_are_killed(tmp_path: Path) -> None:
    environment = {**os.environ}
    if connection.vendor == "postgresql":
        # A database of its own: the processes commit, and no test's tables are theirs.
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {NAME}")
            cursor.execute(f"CREATE DATABASE {NAME}")
        environment["GEOBUK_PG_NAME"] = NAME

    done = subprocess.run(
        [sys.executable, "-m", "tests.marketplace.packaging.rotation_kills", tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["kills"] == 6
    assert told["readings"] > 0
