"""Kill a move of keys at every step that it takes on the disk; look at what is left.

    python -m tests.seeder.killed_moves FOLDER FROM TO

One process for each kill, forked from this one, which has no threads yet. A step is
an opened, renamed or removed file of the folder (PEP 578), the test's key store's among them.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from drm import passphrase
from seeder.config import ShopFolder, read_json
from seeder.device import DeviceKeys, KeyChoice, key_place, load_device, make_device, move_keys
from seeder.key_store import KeyStores
from tests.seeder.vault import Vault

STEPS = {"open", "os.rename", "os.remove"}


class Fixed:
    def current(self) -> str:
        return "correct horse battery"

    def new(self) -> str:
        return self.current()


def stores(folder: Path) -> KeyStores:
    return KeyStores(passphrases=Fixed(), find=lambda: Vault(folder / "vault"))


def move_and_die(folder: Path, to: str, *, step: int) -> None:
    left = step

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in STEPS and str(arguments[0]).startswith(str(folder)):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    move_keys(ShopFolder(folder), to=to, stores=stores(folder))
    os._exit(0)


def look(folder: Path, device: DeviceKeys, to: str) -> None:
    shop = ShopFolder(folder)
    assert load_device(shop, stores=stores(folder)) == device

    move_keys(shop, to=to, stores=stores(folder))

    assert load_device(shop, stores=stores(folder)) == device
    assert key_place(shop).place == to
    assert not (folder / "device.next.json").exists()
    assert len(Vault(folder / "vault").entries) == (1 if to == "system" else 0)
    assert ("identity" in (read_json(shop.device_file) or {})) == (to == "file")


def main(pristine: Path, start: str, to: str) -> int:
    passphrase.LOG2_N = passphrase.LOWEST_LOG2_N  # a box for each kill: cheap ones
    choice = KeyChoice(place=start, stores=stores(pristine))
    device = make_device(ShopFolder(pristine), name="desk", choice=choice)
    killed = 0
    while True:
        work = pristine.with_name(f"{pristine.name}-{killed}")
        shutil.copytree(pristine, work)
        child = os.fork()
        if child == 0:
            move_and_die(work, to, step=killed)
        _pid, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            print(killed)  # noqa: T201 - what the test reads
            return 0
        assert os.WTERMSIG(status) == signal.SIGKILL
        look(work, device, to)
        killed += 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
