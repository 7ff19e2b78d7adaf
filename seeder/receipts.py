"""Counting who sent what while a session runs, and handing it in to the shop, signed.

    counting thread: Session.peers() ──► Accounting     four times a second, with traffic
    the caller's step(): book on disk ──► the shop      about every minute, and at the end

Nothing here stops a download or a play: where the shop is away, the book is kept, and what
it says is handed in later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

from drm.errors import DrmError
from seeder.client import ShopClient
from seeder.config import ShopFolder
from seeder.device import DeviceKeys
from seeder.errors import SeederError, ShopRefusedError
from seeder.receipt_book import MOST_PAIRS, ReceiptBook
from seeder.watching import Connections, Looked, Watch

__all__ = ["Receipting", "trouble"]

EVERY: Final = timedelta(minutes=1)
AFTER_REFUSAL: Final = timedelta(hours=1)
LAST_SECONDS: Final = 1.0  # for the last document, of the five in which a session ends


def trouble(error: OSError | DrmError) -> str:
    """The sentence for a disk that refuses, or a paper that cannot be read; both are met again
    at the next try, or not."""
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        where = f" ({error.filename})" if error.filename else ""
        return (
            f"This computer refuses a file that is needed{where}: {reason}. It is tried again; "
            "see whether its disk is full."
        )
    return f"What the shop sent cannot be read, and is asked for again: {error}"


class Receipting:
    """Counts between `with` and its end; `step` hands in what is due. One thread calls it."""

    def __init__(
        self,
        client: ShopClient,
        folder: ShopFolder,
        device: DeviceKeys,
        session: Connections,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._clock = clock
        now = clock()
        self._lock = threading.Lock()
        self._book = ReceiptBook(folder.receipts_file, device.identity, today=now.date())
        self._watch = Watch(session, self._looked)
        self._next = now + EVERY
        self.note = ""  # why the book is not kept just now, where it is not

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.stop()
        try:
            with self._lock:
                self._book.save(today=self._clock().date())
        except (OSError, DrmError):
            return  # what was counted since the last save is lost; nothing else is
        # In a thread, as a shop that hangs must not keep the program from ending.
        last = threading.Thread(target=self._say_last, name="last receipts", daemon=True)
        last.start()
        last.join(LAST_SECONDS)

    def look(self) -> None:
        """Look at the session now, as the thread does. Raises SessionClosedError."""
        self._watch.look()

    def step(self) -> None:
        """Hand in what is due. Where the shop does not take it now, it waits; where the book
        cannot be kept, as on a full disk, `note` says so."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + EVERY
        try:
            self._hand_in_or_begin_anew(now)
        except (OSError, DrmError) as error:
            self.note = trouble(error)
        else:
            self.note = ""

    def _hand_in_or_begin_anew(self, now: datetime) -> None:
        try:
            self.hand_in()
        except ShopRefusedError as error:
            self._next = now + AFTER_REFUSAL if self._retold(error) else now
        except SeederError:
            return  # the shop is away, or the login has ended: whoever needs it says so

    def hand_in(self) -> bool:
        """Send the next document; whether there was one. Raises ShopError."""
        with self._lock:
            document = self._book.next_document(now=self._clock())
        if document is None:
            return False
        self._client.ask("POST", "/swarm/receipts", json={"receipts": document})
        with self._lock:
            self._book.confirmed(now=self._clock())
        return True

    def _looked(self, looked: Looked) -> bool:
        with self._lock:
            moved = self._book.accounting.observe(*looked)
            if len(self._book.accounting.totals) > 2 * MOST_PAIRS:
                self._book.forget(today=self._clock().date())
            return moved

    def _retold(self, error: ShopRefusedError) -> bool:
        """Begin anew where the shop cannot go on from what it has; whether that is no cure."""
        with self._lock:
            began = self._book.begins
            if error.code in {"receipts_broken", "receipts_refused"}:
                self._book.begin_anew(now=self._clock())
                return began
        return True

    def _say_last(self) -> None:
        try:
            self.hand_in()
        except (SeederError, DrmError, OSError, RuntimeError):
            return  # a RuntimeError where the client was closed meanwhile
