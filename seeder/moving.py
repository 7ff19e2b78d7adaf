"""Moving a store to another folder or disk. After kill -9 at any moment one whole store is left.

On one file system it is a rename; between two it is copied beside its new place, read
back, and only then renamed there:

    journal: move_to ─► copy into `<place>.incoming`, read back ─► rename ─► record: folder
                        │ killed: the old one is whole, and what        │   leftover
                        │ was copied is used by the next try            ▼
                        │                         killed: the new one is whole ─► delete old

The record (seeder.placement) changes by one rename of a file, which is the moment at
which the store has moved. Sizes, times and holes of files stay as they are, so that
nothing is hashed or fetched again afterwards.
"""

from __future__ import annotations

import errno
import logging
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from seeder.config import ShopFolder, exclusive, shared
from seeder.copying import Progress, copy_missing, files_below, links_below
from seeder.errors import MoveError, NotEnoughSpaceError, StoreBusyError, StoreError
from seeder.files import bytes_taken, sync_folder
from seeder.placement import (
    Placement,
    change_placement,
    is_store,
    mark_store,
    open_store,
    read_placement,
)
from seeder.store import Store

__all__ = [
    "claim_store",
    "finish_moves",
    "incoming",
    "move_store",
    "moved_place",
    "start_empty",
    "using_store",
]

_log = logging.getLogger(__name__)

_FOLDERS = ("packages", "torrents", "session")
_OURS = (*_FOLDERS, "store-id")


@contextmanager
def using_store(shop: ShopFolder) -> Iterator[None]:
    """Read from the store; nobody moves it meanwhile. Raises StoreBusyError while one does."""
    with shared(shop.store_lock) as allowed:
        if not allowed:
            raise StoreBusyError("What you bought is being moved just now. Try again afterwards.")
        yield


def claim_store(shop: ShopFolder) -> Store:
    """Open the store for a session. The caller holds the home's lock. Raises StoreError."""
    finish_moves(shop)
    store = open_store(shop)
    store.require_there()
    return store


def moved_place(shop: ShopFolder, target: Path) -> Path:
    """Give where `move_store` to a target puts the store, as `mv` does.

    That is the target itself where it is new or an empty folder, and else, or where a
    disk begins there, a folder in it that is named after the shop.
    """
    target = target.expanduser().absolute()
    here = open_store(shop).folder
    if target.resolve() == here.resolve():
        return here
    if target.is_dir() and (target.is_mount() or any(target.iterdir())):
        return target / shop.path.name
    return target


def incoming(place: Path) -> Path:
    """Give the folder beside a place in which a copy grows until it is whole."""
    return place.with_name(f"{place.name}.incoming")


def move_store(shop: ShopFolder, target: Path, *, progress: Progress) -> Path:
    """Move the store of a shop, and give where it lies then.

    A move to where it is drops what an earlier one has copied. The caller holds the home's
    lock, so no seeder writes meanwhile. Where its folder is a symlink, what that leads to
    is moved, and the link goes. Raises MoveError, NotEnoughSpaceError, StoreBusyError,
    StoreMissingError.
    """
    with _alone(shop):
        finish_moves(shop)
        store = open_store(shop)
        store.require_there()
        place = moved_place(shop, target)
        _drop_other_copy(shop, place)
        if place == store.folder:
            return place
        source = store.folder.resolve()
        _require_free(source, place)
        _require_no_links(source)
        try:
            _begin(shop, store.folder, place)
            _carry(source, place, progress)
        except OSError as error:
            if open_store(shop).folder == store.folder:
                _drop_other_copy(shop, store.folder)
            raise MoveError(
                f"What you bought cannot be moved to {place} ({error.strerror}). It is where it "
                f"was, in {store.folder}. Choose another folder, or see to that disk."
            ) from error
        _record(shop, store.folder, place)
        finish_moves(shop)
        return place


def start_empty(shop: ShopFolder, target: Path) -> Path:
    """Begin an empty store where the old one is lost for good; all is fetched again."""
    with _alone(shop):
        if not open_store(shop).missing:
            raise MoveError("The store is there, so it can be moved: leave out --start-empty.")
        place = moved_place(shop, target)
        if place.exists() and any(place.iterdir()):
            raise MoveError(f"There is something in {place} already. Choose another folder.")
        store_id = secrets.token_hex(16)
        try:
            Store(place)
            mark_store(place, store_id)
        except (OSError, StoreError) as error:
            raise MoveError(f"{place} cannot be used. Choose another folder.") from error
        change_placement(shop, lambda p: Placement(folder=place, id=store_id, most=p.most))
        return place


def finish_moves(shop: ShopFolder) -> None:
    """Settle what a move that was cut short has left. The caller holds the home's lock."""
    placement = read_placement(shop)
    if placement.found() is None:
        return  # nothing is decided while a disk is missing
    going = placement.move_to
    if going is not None and is_store(going, placement.id):
        # It was renamed there as a whole, and no session has written anything since.
        placement = _record(shop, placement.folder, going)
    elif going is not None and not incoming(going).exists():
        placement = change_placement(shop, lambda p: replace(p, move_to=None))
    left = tuple(folder for folder in placement.leftover if not _cleared(folder, placement))
    if left != placement.leftover:
        change_placement(shop, lambda p: replace(p, leftover=left))


@contextmanager
def _alone(shop: ShopFolder) -> Iterator[None]:
    with exclusive(shop.store_lock, wait=False) as alone:
        if not alone:
            raise StoreBusyError(
                "Something that you bought is being played or saved just now, or moved already. "
                "Try again when that has ended."
            )
        yield


def _require_free(source: Path, place: Path) -> None:
    real = place.resolve()
    if real.is_relative_to(source) or source.is_relative_to(real):
        raise MoveError(f"{place} and {source} lie in each other. Choose another folder.")
    if place.is_dir() and not any(place.iterdir()):
        return
    if place.exists() or place.is_symlink():
        raise MoveError(f"There is something at {place} already. Choose another folder.")


def _require_no_links(source: Path) -> None:
    """A link would be left out of a copy, and may lead nowhere from another place."""
    if links := links_below(source, _OURS):
        raise MoveError(
            f"{links[0]} is a symbolic link, so what it leads to would not be moved. Nothing was "
            "changed; put the folder or file itself in its place, and try again."
        )


def _drop_other_copy(shop: ShopFolder, place: Path) -> None:
    """Delete what a move to elsewhere has copied before it was cut short."""
    going = read_placement(shop).move_to
    if going is not None and going != place:
        _drop_copy(incoming(going))
        change_placement(shop, lambda p: replace(p, move_to=None))


def _begin(shop: ShopFolder, source: Path, place: Path) -> None:
    store_id = read_placement(shop).id or secrets.token_hex(16)
    # Before the record asks for it: a store that is marked is one all the same.
    if not is_store(source, store_id):
        mark_store(source, store_id)
    change_placement(shop, lambda p: replace(p, id=store_id, move_to=place))


def _record(shop: ShopFolder, source: Path, place: Path) -> Placement:
    """Say that the store lies in its new place: from now on it does."""
    left = (source,) if source.exists() or source.is_symlink() else ()
    return change_placement(shop, lambda p: replace(p, folder=place, move_to=None, leftover=left))


def _carry(source: Path, place: Path, progress: Progress) -> None:
    """Rename where that is possible, else copy; at the end the place is a whole store."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(place)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EBUSY}:  # busy: a disk begins there
            raise
        _copy(source, incoming(place), progress)
        incoming(place).rename(place)
    else:
        sync_folder(source.parent)
        _drop_copy(incoming(place))  # of an earlier try, when a rename was not possible
    sync_folder(place.parent)


def _copy(source: Path, staging: Path, progress: Progress) -> None:
    files = files_below(source, _OURS)
    there = {path.relative_to(staging): path for path in files_below(staging, _OURS)}
    for gone in there.keys() - {path.relative_to(source) for path in files}:
        there.pop(gone).unlink()  # copied by an earlier try, and no longer in the store
    size = sum(map(bytes_taken, files))
    free = shutil.disk_usage(staging.parent).free
    if size - sum(map(bytes_taken, there.values())) > free:
        raise NotEnoughSpaceError(
            f"{size / 1e9:.2f} GB are to be moved, and {free / 1e9:.2f} GB are free on the disk of "
            f"{staging.parent}. Nothing was changed; free some space or choose another disk."
        )
    for name in _FOLDERS:
        (staging / name).mkdir(parents=True, exist_ok=True)  # also where it is empty
    copy_missing(source, staging, files, progress)


def _cleared(folder: Path, placement: Placement) -> bool:
    """Delete what a move has left in a folder; False where that is to be tried again."""
    real = folder.resolve()
    try:
        if is_store(folder, placement.id) and real != placement.folder.resolve():
            _delete(real)
            if folder.is_symlink():
                folder.unlink()
        elif folder.is_dir() and not folder.is_symlink():
            # Ended before its folder was gone; or what is there now belongs to somebody else.
            _remove_if_empty(folder)
        if folder.is_symlink() and not folder.exists():
            folder.unlink()  # what it led to has gone
    except OSError as error:
        _log.warning(
            "What was left in %s when your store moved cannot be deleted (%s); it is tried "
            "again at the next start.",
            folder,
            error.strerror,
        )
        return False
    return True


def _drop_copy(folder: Path) -> None:
    try:
        _delete(folder)
    except OSError as error:
        _log.warning("The copy in %s cannot be deleted (%s). Delete it.", folder, error.strerror)


def _delete(folder: Path) -> None:
    """Delete what a store keeps in a folder, and the folder where nothing else is in it.

    Its id goes last, so that what was cut short is known for ours. Raises OSError.
    """
    for name in _OURS:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if folder.is_dir():
        _remove_if_empty(folder)


def _remove_if_empty(folder: Path) -> None:
    if not folder.is_mount() and not any(folder.iterdir()):
        folder.rmdir()
