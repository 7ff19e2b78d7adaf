"""Where the store of a shop lies, and how much of the disk it may fill.

`store.json` in the shop's folder, written whole or not at all:

    folder      where the store lies, once it was moved; else it is `content/` beside this file
    id          what stands in the store's own file `store-id`, once it was moved
    most        bytes that it may fill, or null
    move_to     while a move is under way: where to
    leftover    folders that a move has left and still has to delete

A store that was moved is known by its id. So a disk that is not attached is not taken
for an empty store, on which everything would be fetched again; and a rename that was cut
short before this file was written is found where it went.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seeder.config import ShopFolder, exclusive, read_json, write_json
from seeder.files import write_atomically
from seeder.store import Store

__all__ = [
    "Placement",
    "change_placement",
    "is_store",
    "mark_store",
    "open_store",
    "read_placement",
    "set_most",
]

_MARK = "store-id"


@dataclass(frozen=True, slots=True)
class Placement:
    """What `store.json` says."""

    folder: Path
    id: str = ""
    most: int | None = None
    move_to: Path | None = None
    leftover: tuple[Path, ...] = ()

    def found(self) -> Path | None:
        """Give where the store lies now; None where it is on a disk that is not there."""
        if not self.id:
            return self.folder
        places = [self.folder] if self.move_to is None else [self.folder, self.move_to]
        return next((place for place in places if is_store(place, self.id)), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "id": self.id,
            "most": self.most,
            "move_to": None if self.move_to is None else str(self.move_to),
            "leftover": [str(path) for path in self.leftover],
        }


def read_placement(shop: ShopFolder) -> Placement:
    """Read `store.json`; what is missing or no path counts as never set."""
    record = read_json(_file(shop)) or {}
    text = record.get("id")
    leftover = record.get("leftover")
    return Placement(
        folder=_path(record.get("folder")) or shop.content,
        id=text if isinstance(text, str) else "",
        most=_bytes(record.get("most")),
        move_to=_path(record.get("move_to")),
        leftover=tuple(
            path
            for item in (leftover if isinstance(leftover, list) else [])
            if (path := _path(item))
        ),
    )


def open_store(shop: ShopFolder) -> Store:
    """Open the store of a shop, wherever it lies. Raises StoreError where it cannot be used."""
    placement = read_placement(shop)
    found = placement.found()
    return Store(
        found or placement.folder,
        most=lambda: read_placement(shop).most,
        missing=found is None,
        there=lambda: not placement.id or found is None or is_store(found, placement.id),
    )


def change_placement(shop: ShopFolder, change: Callable[[Placement], Placement]) -> Placement:
    """Read, change and write `store.json`, one process at a time; give what stands there now."""
    with exclusive(shop.path / "store.json.lock"):
        before = read_placement(shop)
        after = change(before)
        if after != before:
            write_json(_file(shop), after.to_json())
        return after


def set_most(shop: ShopFolder, most: int | None) -> None:
    """Let the store fill at most so many bytes, or with None what the disk has."""
    change_placement(shop, lambda placement: replace(placement, most=most))


def is_store(folder: Path, store_id: str) -> bool:
    """Whether the store with this id lies in a folder."""
    try:
        return (folder / _MARK).read_text("ascii") == store_id
    except (OSError, UnicodeDecodeError):
        return False


def mark_store(folder: Path, store_id: str) -> None:
    """Write the id into the store."""
    write_atomically(folder / _MARK, store_id.encode("ascii"))


def _file(shop: ShopFolder) -> Path:
    return shop.path / "store.json"


def _path(value: Any) -> Path | None:
    path = Path(value) if isinstance(value, str) and value else None
    return path if path is not None and path.is_absolute() else None


def _bytes(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
