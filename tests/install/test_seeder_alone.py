"""The seeder installs and starts on a machine that has nothing of the shop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.install
@pytest.mark.timeout(300)
def test_the_seeder_installs_without_django_and_answers(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    assert _run(sys.executable, "-m", "venv", environment, cwd=tmp_path).returncode == 0
    python, geobuk = environment / "bin/python", environment / "bin/geobuk"

    # From a wheel, so that what the wheel forgets to bring is missing here too.
    built = _run(
        python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT, cwd=tmp_path
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("geobuk-*.whl")
    installed = _run(
        python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt",
        f"{wheel}[seeder]", cwd=tmp_path,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr

    listed = _run(python, "-m", "pip", "list", "--format=freeze", cwd=tmp_path).stdout.lower()
    assert "libtorrent==" in listed
    assert "django" not in listed
    assert "stripe" not in listed
    assert "geobuk" in _run(geobuk, "--version", cwd=tmp_path).stdout.lower()
    player = _run(python, "-c", "import seeder.web, seeder.session, seeder.playback", cwd=tmp_path)
    assert player.returncode == 0, player.stderr
    refused = _run("env", f"GEOBUK_HOME={tmp_path / 'home'}", geobuk, "library", cwd=tmp_path)
    assert refused.returncode == 1
    assert "geobuk login" in refused.stdout + refused.stderr
