"""Kill a rotation of the master key (SIGKILL) while another process reads every key.

    python -m tests.marketplace.packaging.rotation_kills FOLDER

GEOBUK_PG_NAME in the environment names an empty PostgreSQL database; without it a SQLite
file in FOLDER is used. Three processes of the real services: this one, one that opens
every key without a pause, and one that rotates until it is killed at a saying of its own.
Prints what happened as JSON; fails at the first broken promise.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import django

ROWS = 60
# The sayings of a rotation in batches of one: it dies at the first, at some in the middle
# of the rows, and at each of the last ones, where the old key goes.
KILLS = (1, 2, ROWS // 3, ROWS // 2)
LAST = ("Opening every row", "Dropping the old key")


def main(folder: Path) -> None:
    _set_up(folder)
    keys = _make_keys()
    (folder / "expected.json").write_text(json.dumps(keys))
    from marketplace.packaging import custody

    [old] = custody.master_keys()
    reader = _start("read", folder)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    kills = 0
    for rows in KILLS:
        kills += _rotate_and_kill(folder, rows=rows)
    for saying in LAST:
        kills += _rotate_and_kill(folder, saying=saying)
    assert _rotate_and_kill(folder, rows=10**9) == 0
    _read_everything(keys)

    (folder / "stop").touch()
    told, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors
    [new] = custody.master_keys()
    assert new != old
    sys.stdout.write(json.dumps({"kills": kills, "readings": int(told)}) + "\n")


def _set_up(folder: Path) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.config.settings.test"
    django.setup()
    from django.conf import settings

    if not os.environ.get("GEOBUK_PG_NAME"):
        settings.DATABASES["default"]["NAME"] = folder / "db.sqlite3"
    settings.KEY_DIR = folder / "keys"


def _make_keys() -> dict[str, str]:
    from django.core.management import call_command

    from drm.keys import ContentKey
    from marketplace.accounts.models import User
    from marketplace.packaging import custody, services
    from marketplace.packaging.models import ContentKey as Row
    from marketplace.packaging.models import Package, PackageDraft

    call_command("migrate", verbosity=0)
    services.issuer()
    seller, made = User.objects.create_user("s@example.org", "pw"), {}
    for number in range(ROWS):
        key, name, seal_id = ContentKey.generate(), f"{number:064}", f"{number:032}"
        draft = PackageDraft.objects.create(owner=seller)
        package = Package.objects.create(
            id=name, draft=draft, seal_id=seal_id, piece_length=16384, plain_size=1, sealed_size=1
        )
        kept = custody.wrap_content_key(key, seal_id=seal_id)
        Row.objects.create(package=package, wrapped=kept.wrapped, master=kept.master)
        made[name] = key.to_bytes().hex()
    return made


def _start(what: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", __spec__.name, str(folder), what]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


def _rotate_and_kill(folder: Path, *, rows: int = 0, saying: str = "") -> int:
    """Let a rotation run to so many rows or to a saying, and kill it; 1 if it was killed."""
    process = _start("rotate", folder)
    assert process.stdout is not None
    done = 0
    for line in process.stdout:
        done += line.startswith(("ContentKey:", "SigningKey:"))
        if (rows and done == rows) or (saying and line.startswith(saying)):
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert process.returncode == -signal.SIGKILL
            return 1
    _output, errors = process.communicate()
    assert process.returncode == 0, errors
    return 0


def rotate() -> None:
    from marketplace.packaging import services

    def say(message: str) -> None:
        sys.stdout.write(message + "\n")
        sys.stdout.flush()
        if message.startswith(LAST):
            time.sleep(0.3)  # the blow falls here, and not after the last step

    services.rotate_master_key(say=say, batch=1)
    services.finish_rotation(say=say, batch=1)


def read(folder: Path) -> None:
    keys, readings = json.loads((folder / "expected.json").read_text()), 0
    _read_everything(keys)
    sys.stdout.write("reading\n")
    sys.stdout.flush()
    while not (folder / "stop").exists():
        _read_everything(keys)
        readings += 1
    sys.stdout.write(str(readings))


def _read_everything(keys: dict[str, str]) -> None:
    from marketplace.packaging import services

    for name, value in keys.items():
        assert services.content_key(name).to_bytes().hex() == value, name
    issuer = services.issuer()
    assert issuer.key.public.thumbprint == issuer.kid


if __name__ == "__main__":
    place = Path(sys.argv[1])
    if sys.argv[2:] == ["read"]:
        _set_up(place)
        read(place)
    elif sys.argv[2:] == ["rotate"]:
        _set_up(place)
        rotate()
    else:
        main(place)
