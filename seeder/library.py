"""What is bought, as the shop last told it; a copy on disk serves when the shop is away."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from seeder.config import ShopFolder, read_json, write_json
from seeder.errors import AmbiguousItemError, ItemNotFoundError, ShopAnswerError

__all__ = [
    "Library",
    "LibraryFile",
    "LibraryItem",
    "find_item",
    "load_library",
    "newest_version",
    "parse_library",
    "store_library",
    "without_old_versions",
]

SHORTEST_PREFIX = 4


@dataclass(frozen=True, slots=True)
class LibraryFile:
    """A file of a package; size in plaintext bytes."""

    index: int
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class LibraryItem:
    """One purchase. `kind` is purchase, rental, subscription, loan, gift or a later one; `rights`
    are the claims of its licence (docs/format-v1.md, section 6.3), for showing alone."""

    entitlement: str
    listing: str
    title: str
    seller: str
    cover_url: str
    package: str
    version: int
    state: str
    may_save: bool
    size: int
    files: tuple[LibraryFile, ...]
    purchased_at: str
    kind: str = "purchase"
    rights: Mapping[str, Any] = field(default_factory=dict, hash=False)
    expires: datetime | None = None
    lent_until: datetime | None = None
    suspended: bool = False  # its payment is disputed: what is here opens, nothing new comes

    @property
    def active(self) -> bool:
        return self.state == "active"

    def to_json(self) -> dict[str, Any]:
        """The item as JSON, in the shape that it came in."""
        times = {
            name: moment.isoformat() if (moment := getattr(self, name)) else None
            for name in ("expires", "lent_until")
        }
        return asdict(self) | times


@dataclass(frozen=True, slots=True)
class Library:
    """The purchases, and when the shop last told them."""

    items: tuple[LibraryItem, ...]
    fetched_at: datetime


def parse_library(answer: Mapping[str, Any]) -> tuple[LibraryItem, ...]:
    """Read the answer of GET /library; ShopAnswerError where it does not follow the protocol."""
    try:
        return tuple(_item(entry) for entry in answer["items"])
    except (KeyError, TypeError, ValueError) as error:
        raise ShopAnswerError("The shop's list of purchases cannot be read.") from error


def _item(entry: Mapping[str, Any]) -> LibraryItem:
    package = str(entry["package"])
    # It becomes a folder's name, so nothing but a hash may pass.
    if len(package) != 64 or not set(package) <= set("0123456789abcdef"):
        raise ValueError("a package id is 64 hexadecimal digits")
    return LibraryItem(
        entitlement=str(entry["entitlement"]),
        listing=str(entry["listing"]),
        title=str(entry["title"]),
        seller=str(entry.get("seller") or ""),
        cover_url=str(entry.get("cover_url") or ""),
        package=package,
        version=int(entry["version"]),
        state=str(entry["state"]),
        may_save=entry["may_save"] is True,
        size=int(entry["size"]),
        files=tuple(
            LibraryFile(int(f["index"]), str(f["name"]), str(f["media_type"]), int(f["size"]))
            for f in entry["files"]
        ),
        purchased_at=str(entry["purchased_at"]),
        suspended=entry.get("suspended") is True,
        kind=str(entry.get("kind") or "purchase"),
        rights=dict(entry.get("rights") or {}),
        expires=_moment(entry.get("expires")),
        lent_until=_moment(entry.get("lent_until")),
    )


def _moment(text: str | None) -> datetime | None:
    """A time of the answer; one without a zone is UTC."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def store_library(folder: ShopFolder, items: Sequence[LibraryItem], *, now: datetime) -> None:
    write_json(
        folder.library_file,
        {"fetched_at": now.isoformat(), "items": [item.to_json() for item in items]},
    )


def load_library(folder: ShopFolder) -> Library | None:
    """The last copy; None where there is none that can be read (the shop has it all)."""
    record = read_json(folder.library_file)
    if record is None:
        return None
    try:
        return Library(parse_library(record), datetime.fromisoformat(record["fetched_at"]))
    except (KeyError, TypeError, ValueError, ShopAnswerError):
        return None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _nothing(_package: str) -> bool:
    return False


def without_old_versions(
    items: Sequence[LibraryItem], *, here: Callable[[str], bool] = _nothing
) -> list[LibraryItem]:
    """`items` but for those that a newer version of the same listing has taken the place of.

    `here` says of a package whether it lies on this machine: an old version that does stays,
    to be played offline and shared with who has that one.
    """
    newest: dict[str, int] = {}
    for item in items:
        if item.active:
            newest[item.listing] = max(item.version, newest.get(item.listing, 0))
    return [
        item
        for item in items
        if not item.active or item.version == newest[item.listing] or here(item.package)
    ]


def find_item(
    items: Sequence[LibraryItem], wanted: str, *, here: Callable[[str], bool] = _nothing
) -> LibraryItem:
    """The purchase meant by a package's first digits, a listing's id or a part of the title.

    An exact title wins over a part of one. Of several purchases of one package the
    active one counts; of several versions of a listing the newest that is `here`, or the
    newest of all. AmbiguousItemError names the candidates.
    """
    text = _plain(wanted.strip())
    exact = [i for i in items if text in (i.listing.lower(), i.package, _plain(i.title))]
    found = exact or [
        i
        for i in items
        if (len(text) >= SHORTEST_PREFIX and i.package.startswith(text))
        or (text and text in _plain(i.title))
    ]
    if not found:
        raise ItemNotFoundError(
            f"Nothing in your library matches {wanted!r}. See what is there with: geobuk library"
        )
    by_package: dict[str, LibraryItem] = {}
    for item in found:
        if item.package not in by_package or item.active:
            by_package[item.package] = item
    active = [item for item in by_package.values() if item.active]
    candidates = _best_versions(active or list(by_package.values()), here)
    if len(candidates) > 1:
        names = "; ".join(f"{item.title} ({item.package[:8]})" for item in candidates)
        raise AmbiguousItemError(f"{wanted!r} could mean any of these: {names}. Which one?")
    return candidates[0]


def newest_version(items: Sequence[LibraryItem], item: LibraryItem) -> LibraryItem:
    """The newest version of the same listing that is bought; `item` itself where it is that."""
    same = [each for each in items if each.listing == item.listing and each.active]
    return max([item, *same], key=lambda each: each.version)


def _best_versions(items: Sequence[LibraryItem], here: Callable[[str], bool]) -> list[LibraryItem]:
    """One version of each listing: the newest that is here, else the newest."""
    best: dict[str, LibraryItem] = {}
    for item in sorted(items, key=lambda each: (here(each.package), each.version)):
        best[item.listing] = item
    return [item for item in items if best[item.listing] is item]
