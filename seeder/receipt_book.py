"""What this device has counted, what it has told the shop of it, and its chain of documents.

The book is written before a document is sent, with the document inside: after a crash the
same bytes are sent again, which changes nothing where they had arrived. A book that is lost,
or set back with the folder, begins another chain; the shop keeps the larger totals. Of a book
that was damaged, what can be read is kept: no file keeps the program from starting.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeGuard

from drm.encoding import b64u
from drm.errors import DrmError
from drm.keys import IdentityKey
from drm.receipts import (
    MAX_COUNTS,
    Count,
    Link,
    Receipts,
    is_link,
    may_count,
    sign_receipts,
    verify_receipts,
)
from seeder.accounting import Accounting, Pair, Totals
from seeder.config import read_json, write_json

__all__ = ["ReceiptBook"]

VERSION: Final = 1
# A program is met by anybody who shows a label, so the book is bounded: of those who were met
# since a label may still live, then of all others, the largest stay.
MOST_PAIRS: Final = 4000
ALIVE: Final = timedelta(days=8)
_ANY_HASH: Final = b64u(bytes(32))
KEPT: Final = timedelta(days=60)  # a label lives for some days, and nobody meets it again


@dataclass(slots=True)
class _Told:
    """The totals that the shop has heard, and the day on which they last grew."""

    totals: Totals = field(default_factory=Totals)
    day: date = date.min


class ReceiptBook:
    """The book of one device at one shop. One thread calls it."""

    def __init__(self, path: Path, identity: IdentityKey, *, today: date) -> None:
        self._path = path
        self._identity = identity
        self._told: dict[Pair, _Told] = {}
        self._head: Link | None = None
        self._pending: str | None = None
        self._chain = _new_chain()
        self.accounting = Accounting(self._read(_book_at(path), today))

    @property
    def waiting(self) -> str | None:
        """The signed document that the shop has not confirmed yet."""
        return self._pending

    @property
    def begins(self) -> bool:
        """Whether the shop has taken nothing of this chain yet."""
        return self._head is None

    def next_document(self, *, now: datetime) -> str | None:
        """The document to send: the one that waits, else a new one of what has grown; None
        where nothing has. It is on disk on return."""
        if self._pending is None:
            receipts, claims = self._news()
            if not receipts and not claims:
                return None
            self._pending = sign_receipts(
                identity=self._identity,
                chain=self._chain,
                head=self._head,
                receipts=receipts,
                claims=claims,
                now=now,
            )
        self.save(today=now.date())
        return self._pending

    def confirmed(self, *, now: datetime) -> None:
        """The shop has taken the document that waited."""
        if self._pending is None:
            return
        document, self._pending = self._verified(self._pending), None
        if document is None:
            return
        self._head = document.link
        for count in document.receipts:
            self._hear(count, now.date()).received = count.total
        for count in document.claims:
            self._hear(count, now.date()).sent = count.total
        self.save(today=now.date())

    def begin_anew(self, *, now: datetime) -> None:
        """Begin another chain, in which all totals are told again."""
        self._chain, self._head, self._pending = _new_chain(), None, None
        for told in self._told.values():
            told.totals = Totals()
        self.save(today=now.date())

    def save(self, *, today: date) -> None:
        """Write the book: whole, or not at all."""
        self.forget(today=today)
        rows = [
            [*pair, totals.received, totals.sent, told.received, told.sent, day.isoformat()]
            for pair, totals, told, day in self._rows()
        ]
        head = self._head
        book = {
            "version": VERSION,
            "chain": self._chain,
            "head": None if head is None else [head.sequence, head.hash],
            "pending": self._pending,
            "totals": rows,
        }
        write_json(self._path, book)

    def forget(self, *, today: date) -> None:
        """Drop who was not met for long, and all but the largest of very many."""
        kept = self.accounting.totals
        for pair, totals in list(kept.items()):
            told = self._told.setdefault(pair, _Told(day=today))
            if totals != told.totals:
                told.day = today
            elif today - told.day > KEPT:
                del kept[pair]
        if len(kept) > MOST_PAIRS:

            def weight(pair: Pair) -> tuple[bool, int]:
                alive = today - self._told[pair].day <= ALIVE
                return alive, kept[pair].received + kept[pair].sent

            for pair in sorted(kept, key=weight)[: len(kept) - MOST_PAIRS]:
                del kept[pair]
        self._told = {pair: told for pair, told in self._told.items() if pair in kept}

    def _rows(self) -> Iterator[tuple[Pair, Totals, Totals, date]]:
        for pair, totals in self.accounting.totals.items():
            told = self._told[pair]
            yield pair, totals, told.totals, told.day

    def _news(self) -> tuple[list[Count], list[Count]]:
        """What has grown: what grew most first, receipts and claims in turn, as far as it fits.
        What does not comes with the next document."""
        receipts, claims = list[tuple[int, Count]](), list[tuple[int, Count]]()
        for pair, totals in self.accounting.totals.items():
            told = self._told.get(pair, _Told()).totals
            if (grown := totals.received - told.received) > 0:
                receipts.append((grown, Count(*pair, totals.received)))
            if (grown := totals.sent - told.sent) > 0:
                claims.append((grown, Count(*pair, totals.sent)))
        half = MAX_COUNTS // 2
        room = max(half, MAX_COUNTS - len(claims)), max(half, MAX_COUNTS - len(receipts))
        return _largest(receipts, room[0]), _largest(claims, room[1])

    def _hear(self, count: Count, today: date) -> Totals:
        pair = Pair(count.package_id, count.label)
        return self._told.setdefault(pair, _Told(day=today)).totals

    def _read(self, book: Mapping[str, Any], today: date) -> dict[Pair, Totals]:
        """Take over what an earlier run has written; what cannot be read is as if it were not."""
        rows = book.get("totals")
        if book.get("version") != VERSION or not isinstance(rows, list):
            return {}
        totals = {}
        for row in rows:
            if (read := _row(row)) is not None:
                pair, totals[pair], told = read
                self._told[pair] = _Told(told.totals, min(today, told.day))
        chain, head, pending = book.get("chain"), book.get("head"), book.get("pending")
        if not _is_chain(chain, head):
            # Of another chain the shop has heard nothing yet.
            for told in self._told.values():
                told.totals = Totals()
            return totals
        self._chain, self._head = chain, None if head is None else Link(chain, *head)
        # A document of another key, as after a login anew, is nobody's to send any more.
        if isinstance(pending, str) and self._verified(pending) is not None:
            self._pending = pending
        return totals

    def _verified(self, document: str) -> Receipts | None:
        try:
            return verify_receipts(document, identity_public=self._identity.public)
        except DrmError:
            return None


def _largest(grown: list[tuple[int, Count]], most: int) -> list[Count]:
    return [count for _growth, count in sorted(grown, key=itemgetter(0), reverse=True)[:most]]


def _book_at(path: Path) -> dict[str, Any]:
    try:
        return read_json(path) or {}
    except (OSError, RecursionError):
        return {}


def _row(row: object) -> tuple[Pair, Totals, _Told] | None:
    """One row of a book, where a later document can hold what it says."""
    if not isinstance(row, list) or len(row) != 7:
        return None
    package, label, received, sent, heard, claimed, day = row
    numbers = (received, sent, heard, claimed)
    try:
        last = date.fromisoformat(day)
    except (TypeError, ValueError):
        return None
    # A count is one at least; of one direction there may be none.
    counted = [n for n in numbers if n != 0 or type(n) is not int]
    if not all(may_count(Count(package, label, n)) for n in counted or [1]):
        return None
    return Pair(package, label), Totals(received, sent), _Told(Totals(heard, claimed), last)


def _is_chain(chain: object, head: object) -> TypeGuard[str]:
    """Whether a book's words for its chain, and the last link of it, are such."""
    if not isinstance(chain, str):
        return False
    if head is None:
        return is_link(Link(chain, 1, _ANY_HASH))
    if not isinstance(head, list) or len(head) != 2:
        return False
    sequence, last = head
    return type(sequence) is int and isinstance(last, str) and is_link(Link(chain, *head))


def _new_chain() -> str:
    return b64u(secrets.token_bytes(16))
