"""Kill a move of the store at every step that it takes on the disk; look at what is left.

    python -m tests.seeder.killed_store_moves SHOP TARGET [copy]

One process for each kill, forked from this one, which has no threads yet. A step is an
opened, renamed, made or removed file or folder (PEP 578). With `copy` the target counts as
another disk, where a rename is refused as the kernel refuses it. Prints how many kills
there were.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from seeder.config import ShopFolder
from seeder.moving import finish_moves, incoming, move_store
from seeder.placement import open_store, read_placement

STEPS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a store but its id: its bytes and its time."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for name in ("packages", "torrents", "session")
        for path in sorted((folder / name).rglob("*"))
        if path.is_file()
    }


def refuse_renames(event: str, arguments: tuple[Any, ...]) -> None:
    """As the kernel does between two disks."""
    if event == "os.rename" and str(arguments[0]).endswith("/content"):
        raise OSError(errno.EXDEV, "Invalid cross-device link")


def move_and_die(shop: ShopFolder, target: Path, *, step: int) -> None:
    left = step
    watched = (str(shop.path), str(target.parent))

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event not in STEPS or not str(arguments[0]).startswith(watched):
            return
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    move_store(shop, target, progress=lambda _done, _total: None)
    os._exit(0)


def look(
    shop: ShopFolder, target: Path, before: dict[str, tuple[bytes, int]], *, step: int
) -> None:
    store = open_store(shop)
    assert not store.missing, step
    assert contents(store.folder) == before, (step, store.folder)

    move_store(shop, target, progress=lambda _done, _total: None)

    assert open_store(shop).folder == target, step
    assert contents(target) == before, step
    assert not shop.content.exists(), step
    assert not incoming(target).exists(), step
    assert read_placement(shop).leftover == (), step
    finish_moves(shop)
    assert contents(target) == before, step


def main(original: Path, target: Path, *, copy: bool) -> int:
    if copy:
        sys.addaudithook(refuse_renames)
    step = 0
    while True:
        work = target.parent / f"work-{step}"
        shutil.copytree(original, work)  # with times
        shop, place = ShopFolder(work / "shop"), work / "elsewhere" / "store"
        before = contents(shop.content)
        child = os.fork()
        if child == 0:
            move_and_die(shop, place, step=step)
        _pid, status = os.waitpid(child, 0)
        look(shop, place, before, step=step)
        shutil.rmtree(work)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, step
            return step
        step += 1


if __name__ == "__main__":
    kills = main(Path(sys.argv[1]), Path(sys.argv[2]), copy="copy" in sys.argv[3:])
    sys.stdout.write(f"{kills}\n")
