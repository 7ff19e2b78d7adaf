"""The book of receipts: what was counted is told once, in order, across crashes and losses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drm.keys import IdentityKey
from drm.receipts import MAX_COUNTS, Count, Receipts, following, verify_receipts
from seeder.accounting import Pair, Totals
from seeder.receipt_book import ALIVE, KEPT, MOST_PAIRS, ReceiptBook

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
PACKAGE = "ab" * 32
BEN, EVE = "ben" + "0" * 17, "eve" + "0" * 17


@pytest.fixture
def identity() -> IdentityKey:
    return IdentityKey.generate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "receipts.json"


def opened(path: Path, identity: IdentityKey, now: datetime = NOW) -> ReceiptBook:
    return ReceiptBook(path, identity, today=now.date())


def counts(book: ReceiptBook, label: str, received: int = 0, sent: int = 0) -> None:
    book.accounting.totals[Pair(PACKAGE, label)] = Totals(received, sent)


def next_of(book: ReceiptBook, identity: IdentityKey) -> Receipts:
    document = book.next_document(now=NOW)
    assert document is not None
    return verify_receipts(document, identity_public=identity.public)


def test_what_has_grown_is_told_as_totals_and_in_order(path: Path, identity: IdentityKey) -> None:
    book = opened(path, identity)
    counts(book, BEN, received=100)
    counts(book, EVE, sent=7)
    first = next_of(book, identity)
    book.confirmed(now=NOW)
    counts(book, BEN, received=150, sent=3)
    second = next_of(book, identity)

    assert (first.receipts, first.claims) == (
        (Count(PACKAGE, BEN, 100),),
        (Count(PACKAGE, EVE, 7),),
    )
    assert (second.receipts, second.claims) == (
        (Count(PACKAGE, BEN, 150),),
        (Count(PACKAGE, BEN, 3),),
    )
    assert following(second, head=first.link)


def test_nothing_new_is_no_document(path: Path, identity: IdentityKey) -> None:
    book = opened(path, identity)
    assert book.next_document(now=NOW) is None
    counts(book, BEN, received=100)
    next_of(book, identity)
    book.confirmed(now=NOW)

    assert book.next_document(now=NOW) is None


def test_until_it_is_confirmed_the_same_bytes_are_sent(path: Path, identity: IdentityKey) -> None:
    """Also by the next run, where this one was killed; and what came since waits its turn."""
    book = opened(path, identity)
    counts(book, BEN, received=100)
    document = book.next_document(now=NOW)
    counts(book, BEN, received=900)

    assert book.next_document(now=NOW) == document
    again = opened(path, identity)
    assert again.next_document(now=NOW) == document
    again.confirmed(now=NOW)
    assert next_of(again, identity).receipts == (Count(PACKAGE, BEN, 900),)


def test_a_new_run_counts_on_from_what_was_written(path: Path, identity: IdentityKey) -> None:
    book = opened(path, identity)
    counts(book, BEN, received=100, sent=5)
    book.save(today=NOW.date())

    again = opened(path, identity)

    assert again.accounting.totals == {Pair(PACKAGE, BEN): Totals(100, 5)}


def test_a_chain_that_is_begun_anew_tells_all_totals_again(
    path: Path, identity: IdentityKey
) -> None:
    book = opened(path, identity)
    counts(book, BEN, received=100)
    first = next_of(book, identity)
    book.confirmed(now=NOW)

    book.begin_anew(now=NOW)
    begins, anew = book.begins, next_of(book, identity)

    assert begins
    assert anew.link.sequence == 1
    assert anew.link.chain != first.link.chain
    assert anew.receipts == first.receipts


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": 99}'])
def test_a_book_that_cannot_be_read_is_begun_anew(
    path: Path, identity: IdentityKey, torn: bytes
) -> None:
    path.write_bytes(torn)

    book = opened(path, identity)
    counts(book, BEN, received=100)

    assert next_of(book, identity).link.sequence == 1


@pytest.mark.parametrize(
    "bad",
    [
        ["not", "a", "row"],
        "row",
        None,
        [PACKAGE, "short", 1, 0, 0, 0, "2026-11-25"],
        ["pack", EVE, 1, 0, 0, 0, "2026-11-25"],
        [PACKAGE, EVE, float("inf"), 0, 0, 0, "2026-11-25"],
        [PACKAGE, EVE, 1.5, 0, 0, 0, "2026-11-25"],
        [PACKAGE, EVE, True, 0, 0, 0, "2026-11-25"],
        [PACKAGE, EVE, 0.0, 0, 0, 0, "2026-11-25"],
        [PACKAGE, EVE, -1, 0, 0, 0, "2026-11-25"],
        [PACKAGE, EVE, 2**53, 0, 0, 0, "2026-11-25"],
        [PACKAGE, [EVE], 0, 0, 0, 0, "2026-11-25"],
        [PACKAGE, EVE, 1, 0, 0, 0, "yesterday"],
        [PACKAGE, EVE, 1, 0, 0, 0, 20261125],
    ],
)
def test_a_row_that_cannot_be_read_is_dropped_and_all_others_stay(
    path: Path, identity: IdentityKey, bad: object
) -> None:
    book = opened(path, identity)
    counts(book, BEN, received=100)
    first = next_of(book, identity)
    book.confirmed(now=NOW)
    whole = json.loads(path.read_text())
    whole["totals"].insert(0, bad)
    path.write_text(json.dumps(whole))

    again = opened(path, identity)
    counts(again, BEN, received=150)

    assert again.accounting.totals == {Pair(PACKAGE, BEN): Totals(150, 0)}
    assert following(next_of(again, identity), head=first.link)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("chain", "short"),
        ("chain", 7),
        ("chain", "é" * 22),
        ("head", [1]),
        ("head", "ab"),
        ("head", [float("inf"), "A" * 43]),
        ("head", [0, "A" * 43]),
        ("head", [1, "short"]),
    ],
)
def test_a_chain_that_cannot_be_read_is_begun_anew_with_all_totals(
    path: Path, identity: IdentityKey, name: str, bad: object
) -> None:
    book = opened(path, identity)
    counts(book, BEN, received=100)
    next_of(book, identity)
    book.confirmed(now=NOW)
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: bad}))

    again = opened(path, identity)

    anew = next_of(again, identity)
    assert (anew.link.sequence, anew.receipts) == (1, (Count(PACKAGE, BEN, 100),))


def test_no_file_keeps_the_program_from_starting(path: Path, identity: IdentityKey) -> None:
    path.write_text("[" * 100_000)
    assert opened(path, identity).begins
    path.unlink()
    path.mkdir()
    assert opened(path, identity).begins


def test_a_document_of_another_key_is_not_sent(path: Path, identity: IdentityKey) -> None:
    """After a login anew with new keys."""
    book = opened(path, identity)
    counts(book, BEN, received=100)
    book.next_document(now=NOW)
    other = IdentityKey.generate()

    assert next_of(opened(path, other), other).receipts == (Count(PACKAGE, BEN, 100),)


def test_what_does_not_fit_comes_with_the_next_document(path: Path, identity: IdentityKey) -> None:
    book = opened(path, identity)
    for n in range(MAX_COUNTS):
        counts(book, f"{n:020d}", received=1, sent=1)
    told = set()
    for _n in range(2):
        document = next_of(book, identity)
        assert len(document.receipts) + len(document.claims) == MAX_COUNTS
        told |= {("got", c.label) for c in document.receipts}
        told |= {("sent", c.label) for c in document.claims}
        book.confirmed(now=NOW)

    assert len(told) == 2 * MAX_COUNTS
    assert book.next_document(now=NOW) is None


def test_labels_that_nobody_met_for_long_are_forgotten(path: Path, identity: IdentityKey) -> None:
    book = opened(path, identity)
    counts(book, BEN, received=100)
    next_of(book, identity)
    book.confirmed(now=NOW)
    later = NOW + KEPT + timedelta(days=1)
    counts(book, EVE, received=7)

    book.save(today=later.date())

    assert set(opened(path, identity, later).accounting.totals) == {Pair(PACKAGE, EVE)}


def test_what_was_not_told_is_never_forgotten(path: Path, identity: IdentityKey) -> None:
    book = opened(path, identity)
    counts(book, BEN, received=100)

    book.save(today=(NOW + 2 * KEPT).date())

    assert set(book.accounting.totals) == {Pair(PACKAGE, BEN)}


def test_strangers_by_the_thousand_neither_fill_the_book_nor_come_first(
    path: Path, identity: IdentityKey
) -> None:
    """Anybody can call under any label, and again under another: each takes a byte or two."""
    book = opened(path, identity)
    for n in range(5 * MOST_PAIRS):
        counts(book, f"{n:020d}", received=1, sent=2)
    counts(book, BEN, received=100)
    counts(book, EVE, sent=100)

    document = next_of(book, identity)

    assert document.receipts[0] == Count(PACKAGE, BEN, 100)
    assert document.claims[0] == Count(PACKAGE, EVE, 100)
    assert (len(document.receipts), len(document.claims)) == (MAX_COUNTS // 2, MAX_COUNTS // 2)
    assert len(book.accounting.totals) == MOST_PAIRS
    assert path.stat().st_size < 1_000_000


def test_of_very_many_those_whose_label_has_ended_go_first(
    path: Path, identity: IdentityKey
) -> None:
    book = opened(path, identity)
    for n in range(MOST_PAIRS):
        counts(book, f"{n:020d}", sent=10**9)
    while book.next_document(now=NOW) is not None:
        book.confirmed(now=NOW)
    counts(book, BEN, sent=5)
    later = (NOW + ALIVE + timedelta(days=1)).date()

    book.save(today=later)

    assert len(book.accounting.totals) == MOST_PAIRS
    assert book.accounting.totals[Pair(PACKAGE, BEN)] == Totals(0, 5)


def test_where_one_side_has_little_to_tell_the_other_has_the_room(
    path: Path, identity: IdentityKey
) -> None:
    book = opened(path, identity)
    for n in range(MAX_COUNTS):
        counts(book, f"{n:020d}", sent=1)
    counts(book, BEN, received=1)

    document = next_of(book, identity)

    assert (len(document.receipts), len(document.claims)) == (1, MAX_COUNTS - 1)
