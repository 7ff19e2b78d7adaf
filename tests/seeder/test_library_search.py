from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest

from seeder.cli.seat import Seat
from seeder.config import utc_now
from seeder.errors import AmbiguousItemError, ItemNotFoundError
from seeder.library import (
    LibraryItem,
    find_item,
    load_library,
    newest_version,
    store_library,
    without_old_versions,
)


def item(title: str, package: str = "ab" * 32, state: str = "active") -> LibraryItem:
    return LibraryItem(
        entitlement=f"e-{package[:4]}-{state}",
        listing=f"l-{package[:4]}",
        title=title,
        seller="s",
        cover_url="",
        package=package,
        version=1,
        state=state,
        may_save=False,
        size=1,
        files=(),
        purchased_at="2026-01-01",
    )


SEA = item("바다의 노래", "0a" * 32)
NIGHT = item("Night Film", "1b" * 32)
NIGHT_TWO = item("Night Film II", "2c" * 32)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("0a0a", SEA),
        ("0a" * 32, SEA),
        ("l-1b1b", NIGHT),
        ("바다", SEA),
        (unicodedata.normalize("NFD", "바다"), SEA),  # as macOS writes it
        ("night film", NIGHT),
        ("II", NIGHT_TWO),
        ("  노래 ", SEA),
    ],
)
def test_what_a_word_means(wanted: str, found: LibraryItem) -> None:
    assert find_item([SEA, NIGHT, NIGHT_TWO], wanted) == found


def test_several_candidates_are_named() -> None:
    with pytest.raises(AmbiguousItemError, match=r"Night Film \(1b1b1b1b\); Night Film II"):
        find_item([SEA, NIGHT, NIGHT_TWO], "night")


@pytest.mark.parametrize("wanted", ["", "0a0", "moon", "zz" * 32])
def test_nothing_matches(wanted: str) -> None:
    with pytest.raises(ItemNotFoundError, match="geobuk library"):
        find_item([SEA, NIGHT], wanted)


def test_bought_again_after_a_refund_counts_once_and_as_active() -> None:
    withdrawn = replace(SEA, state="revoked")

    assert find_item([withdrawn, SEA], "바다") == SEA
    assert find_item([SEA, withdrawn], "바다") == SEA
    assert find_item([withdrawn], "바다") == withdrawn


def test_the_copy_survives_and_a_torn_one_is_none(seat: Seat) -> None:
    store_library(seat.folder, [SEA, NIGHT], now=utc_now())
    copy = load_library(seat.folder)
    assert copy is not None
    assert copy.items == (SEA, NIGHT)

    whole = seat.folder.library_file.read_bytes()
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        seat.folder.library_file.write_bytes(whole[:cut])
        assert load_library(seat.folder) is None


def _versions() -> tuple[LibraryItem, LibraryItem]:
    first = item("Film", "3d" * 32)
    return first, replace(first, package="4e" * 32, version=2)


def test_of_several_versions_the_newest_is_meant() -> None:
    first, second = _versions()

    assert find_item([SEA, first, second], "film") == second
    assert find_item([second, first], first.listing) == second


def test_an_old_version_that_is_here_opens_while_the_new_one_is_not() -> None:
    first, second = _versions()

    assert find_item([second, first], "film", here=lambda p: p == first.package) == first
    assert find_item([second, first], "film", here=lambda _p: True) == second
    assert newest_version([second, first], first) == second
    assert newest_version([second, first], second) == second


def test_an_old_version_is_reached_by_its_name() -> None:
    first, second = _versions()

    assert find_item([second, first], "3d3d") == first


def test_old_versions_are_fetched_by_nobody_and_kept_where_they_are() -> None:
    first, second = _versions()
    items = [SEA, second, first]

    assert without_old_versions(items) == [SEA, second]
    assert without_old_versions(items, here=lambda p: p == first.package) == items


def test_a_new_version_that_was_taken_back_leaves_the_old_one() -> None:
    first, second = _versions()
    gone = replace(second, state="revoked")

    assert without_old_versions([gone, first]) == [gone, first]
    assert find_item([gone, first], "film") == first
