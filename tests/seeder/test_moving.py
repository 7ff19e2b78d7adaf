from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seeder.config import ShopFolder
from seeder.errors import MoveError, StoreBusyError, StoreMissingError
from seeder.moving import claim_store, incoming, move_store, start_empty, using_store
from seeder.placement import (
    change_placement,
    is_store,
    mark_store,
    open_store,
    read_placement,
    set_most,
)
from tests.swarm.content import PIECE, Content, make_content


def silent(_done: int, _total: int) -> None:
    return


@pytest.fixture
def shop(tmp_path: Path) -> ShopFolder:
    return ShopFolder(tmp_path / "home" / "shop")


@pytest.fixture
def content(shop: ShopFolder) -> Content:
    store = open_store(shop)
    made = make_content(store.save_path, [PIECE + 5, 3])
    store.keep_torrent(made.name, made.metainfo)
    (store.session_folder / "ended-in-order").touch()
    return made


@pytest.mark.parametrize("how", ["rename", "copy"])
def test_a_move_that_is_killed_at_any_step_leaves_one_whole_store(
    tmp_path: Path, shop: ShopFolder, content: Content, how: str
) -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.seeder.killed_store_moves",
            str(tmp_path / "home"),
            str(tmp_path / "moves" / "x"),
            how,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 15


def test_a_store_that_was_never_moved_is_beside_its_shop(shop: ShopFolder) -> None:
    assert open_store(shop).folder == shop.content
    assert not (shop.path / "store.json").exists()


def test_a_move_into_a_folder_with_something_in_it_makes_one_of_its_own(
    tmp_path: Path, shop: ShopFolder, content: Content
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "photo").touch()

    place = move_store(shop, tmp_path / "disk", progress=silent)

    assert place == tmp_path / "disk" / "shop"
    assert open_store(shop).torrent(content.name) == content.metainfo


def test_a_store_moves_back(tmp_path: Path, shop: ShopFolder, content: Content) -> None:
    move_store(shop, tmp_path / "away", progress=silent)

    move_store(shop, shop.content, progress=silent)

    assert open_store(shop).folder == shop.content
    assert open_store(shop).torrent(content.name) == content.metainfo
    assert not (tmp_path / "away").exists()


def test_a_disk_that_is_gone_is_not_taken_for_an_empty_store(
    tmp_path: Path, shop: ShopFolder, content: Content
) -> None:
    move_store(shop, tmp_path / "disk" / "store", progress=silent)
    (tmp_path / "disk").rename(tmp_path / "detached")
    (tmp_path / "disk" / "store").mkdir(parents=True)  # as an empty mount point

    store = open_store(shop)

    with pytest.raises(StoreMissingError, match="not there just now"):
        store.require_there()
    with pytest.raises(StoreMissingError):
        claim_store(shop)
    with pytest.raises(StoreMissingError):
        move_store(shop, tmp_path / "else", progress=silent)
    assert (store.packages(), store.torrents(), store.free()) == ([], {}, 0)
    assert list((tmp_path / "disk" / "store").iterdir()) == []
    (tmp_path / "disk" / "store").rmdir()
    (tmp_path / "disk").rmdir()
    (tmp_path / "detached").rename(tmp_path / "disk")
    assert claim_store(shop).torrent(content.name) == content.metainfo


def test_a_lost_disk_is_replaced_by_an_empty_store(
    tmp_path: Path, shop: ShopFolder, content: Content
) -> None:
    with pytest.raises(MoveError, match="leave out"):
        start_empty(shop, tmp_path / "new")
    set_most(shop, 5 * PIECE)
    move_store(shop, tmp_path / "disk", progress=silent)
    (tmp_path / "disk").rename(tmp_path / "lost")

    start_empty(shop, tmp_path / "new")

    store = claim_store(shop)
    assert (store.folder, store.most, store.packages()) == (tmp_path / "new", 5 * PIECE, [])


def test_what_is_read_from_is_not_moved(tmp_path: Path, shop: ShopFolder, content: Content) -> None:
    with using_store(shop), using_store(shop), pytest.raises(StoreBusyError, match="played"):
        move_store(shop, tmp_path / "away", progress=silent)

    assert open_store(shop).folder == shop.content


@pytest.mark.parametrize("name", ["file", "content/inside"])
def test_a_place_that_is_none_is_refused_and_nothing_changes(
    tmp_path: Path, shop: ShopFolder, content: Content, name: str
) -> None:
    (shop.path / "file").touch()

    with pytest.raises(MoveError, match="Choose another folder"):
        move_store(shop, shop.path / name, progress=silent)

    assert claim_store(shop).folder == shop.content
    assert open_store(shop).torrent(content.name) == content.metainfo


def test_a_move_elsewhere_drops_what_an_earlier_one_has_copied(
    tmp_path: Path, shop: ShopFolder, content: Content
) -> None:
    move_store(shop, tmp_path / "first", progress=silent)
    copied = incoming(tmp_path / "second") / "packages" / content.name / "00000"
    copied.parent.mkdir(parents=True)
    copied.touch()
    record = shop.path / "store.json"
    record.write_text(record.read_text().replace("null", f'"{tmp_path}/second"', 2))
    assert read_placement(shop).move_to == tmp_path / "second"
    claim_store(shop)
    assert copied.exists()  # the next try goes on from there

    move_store(shop, tmp_path / "first", progress=silent)

    assert not incoming(tmp_path / "second").exists()
    assert read_placement(shop).move_to is None


def test_holes_stay_holes(tmp_path: Path, shop: ShopFolder) -> None:
    from seeder.copying import copy_missing

    source = tmp_path / "source" / "sparse"
    source.parent.mkdir()
    with source.open("wb") as file:
        file.seek(40_000_000)
        file.write(b"middle")
        file.truncate(80_000_000)
    os.utime(source, ns=(1, 123_456_789_012_345_678))

    copy_missing(source.parent, tmp_path / "target", [source], silent)

    copy = tmp_path / "target" / "sparse"
    assert copy.read_bytes() == source.read_bytes()
    assert copy.stat().st_blocks * 512 < 1_000_000
    assert copy.stat().st_mtime_ns == 123_456_789_012_345_678


@pytest.fixture
def between_disks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernel's answer where a folder is renamed onto another disk."""
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if not self.name.endswith(".incoming"):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)


def put_behind_a_link(tmp_path: Path, shop: ShopFolder) -> Path:
    """Lay the store on a disk as its owner does by hand."""
    disk = tmp_path / "disk" / "store"
    disk.parent.mkdir()
    os.rename(shop.content, disk)  # noqa: PTH104 - Path.rename stands for the kernel here
    shop.content.symlink_to(disk)
    return disk


@pytest.mark.parametrize("how", ["rename", "copy"])
def test_a_store_behind_a_link_is_moved_itself_and_the_link_goes(
    tmp_path: Path,
    shop: ShopFolder,
    content: Content,
    how: str,
    request: pytest.FixtureRequest,
) -> None:
    disk = put_behind_a_link(tmp_path, shop)
    if how == "copy":
        request.getfixturevalue("between_disks")

    place = move_store(shop, tmp_path / "new", progress=silent)

    assert not place.is_symlink()
    assert not disk.exists()
    assert not shop.content.is_symlink()
    assert read_placement(shop).leftover == ()
    assert claim_store(shop).torrent(content.name) == content.metainfo
    assert (place / "packages" / content.name / "00000").is_file()


@pytest.mark.parametrize("how", ["rename", "copy"])
def test_a_link_inside_the_store_is_refused_and_nothing_changes(
    tmp_path: Path,
    shop: ShopFolder,
    content: Content,
    how: str,
    request: pytest.FixtureRequest,
) -> None:
    package = open_store(shop).package_folder(content.name)
    package.rename(tmp_path / "elsewhere")
    package.symlink_to(tmp_path / "elsewhere")
    if how == "copy":
        request.getfixturevalue("between_disks")

    with pytest.raises(MoveError, match="is a symbolic link"):
        move_store(shop, tmp_path / "new", progress=silent)

    assert claim_store(shop).folder == shop.content
    assert (package / "00000").is_file()
    assert not (tmp_path / "new").exists()


def leave_behind(shop: ShopFolder, folder: Path) -> None:
    change_placement(shop, lambda p: replace(p, leftover=(folder,)))


def test_a_leftover_that_is_the_store_of_another_home_is_left_alone(
    tmp_path: Path, shop: ShopFolder, content: Content
) -> None:
    move_store(shop, tmp_path / "away", progress=silent)
    other = tmp_path / "place"
    (other / "packages").mkdir(parents=True)
    (other / "packages" / "film").touch()
    mark_store(other, "ab" * 16)
    leave_behind(shop, other)

    claim_store(shop)

    assert (other / "packages" / "film").exists()
    assert is_store(other, "ab" * 16)
    assert read_placement(shop).leftover == ()


def test_a_leftover_that_leads_to_the_store_itself_is_no_leftover(
    tmp_path: Path, shop: ShopFolder, content: Content
) -> None:
    move_store(shop, tmp_path / "away", progress=silent)
    (tmp_path / "link").symlink_to(tmp_path / "away")
    leave_behind(shop, tmp_path / "link")

    assert claim_store(shop).torrent(content.name) == content.metainfo


def test_what_cannot_be_deleted_is_tried_again_and_keeps_nobody_from_running(
    tmp_path: Path, shop: ShopFolder, content: Content, caplog: pytest.LogCaptureFixture
) -> None:
    move_store(shop, tmp_path / "away", progress=silent)
    left = tmp_path / "left"
    left.mkdir()
    mark_store(left, read_placement(shop).id)
    (left / "torrents").touch()
    (left / "session").mkdir()
    leave_behind(shop, left)

    with refusing(left):
        claim_store(shop)

    assert "tried again at the next start" in caplog.text
    assert read_placement(shop).leftover == (left,)
    claim_store(shop)
    assert not left.exists()
    assert read_placement(shop).leftover == ()


@contextmanager
def refusing(folder: Path) -> Iterator[None]:
    """The kernel's answer where a disk is read-only: root is not stopped by rights."""
    going = True

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        deletes = event in {"os.remove", "os.rmdir", "shutil.rmtree"}
        if going and deletes and str(arguments[0]).startswith(str(folder)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    sys.addaudithook(refuse)
    yield
    going = False
