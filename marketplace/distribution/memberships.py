"""What tokens permit, as the database said it within the last half minute.

The database is asked off the event loop, by one question at a time for all tokens that
came up meanwhile: under load the questions grow, not their number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db import Error as DatabaseError
from django.db import connection

from marketplace.distribution.access import Membership, memberships_of
from marketplace.distribution.errors import AnnounceError

__all__ = ["REMEMBER", "LookUp", "Memberships", "look_up_in_database"]

logger = logging.getLogger(__name__)

LookUp = Callable[[Collection[str]], Awaitable[Mapping[str, Membership]]]

REMEMBER = 30.0  # seconds between two questions to the database about one token
MAX_REMEMBERED = 100_000
MAX_ASKED_AT_ONCE = 500

# A thread of its own: announces wait behind no slow page, and no page behind announces.
_thread = ThreadPoolExecutor(1, thread_name_prefix="tracker")


async def look_up_in_database(tokens: Collection[str]) -> Mapping[str, Membership]:
    """What the database says of `tokens`, asked in the tracker's thread. Raises DatabaseError."""
    return await asyncio.get_running_loop().run_in_executor(_thread, _look_up, tokens)


def _look_up(tokens: Collection[str]) -> Mapping[str, Membership]:
    # The thread's connection stays open: to open one for each question takes longer than to ask.
    try:
        return memberships_of(tokens)
    except DatabaseError:
        # It may have been closed at the other end meanwhile; a new one decides.
        connection.close()
        return memberships_of(tokens)


@dataclass(frozen=True, slots=True)
class _Remembered:
    membership: Membership | None
    until: float


class Memberships:
    """Answers from memory where it can. For one event loop; times in seconds."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        self._known: dict[str, _Remembered] = {}
        self._asking: dict[str, asyncio.Future[Membership | None]] = {}
        self._waiting: list[str] = []
        self._task: asyncio.Task[None] | None = None

    def remembered(self, token: str, now: float) -> Membership | None:
        """What `token` permits, where that is known and it permits anything."""
        known = self._known.get(token)
        return known.membership if known is not None and now < known.until else None

    async def of(self, token: str, now: float) -> tuple[Membership | None, Membership | None]:
        """What `token` permits now, and what it was last known to permit.

        Raises AnnounceError where the database cannot be reached.
        """
        known = self._known.get(token)
        before = known.membership if known is not None else None
        if known is not None and now < known.until:
            return before, before
        membership = await self._ask(token)
        # Taken out and put in again, the oldest answers stand in front.
        self._known.pop(token, None)
        self._known[token] = _Remembered(membership, now + REMEMBER)
        while len(self._known) > MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        return membership, before

    async def _ask(self, token: str) -> Membership | None:
        if (question := self._asking.get(token)) is None:
            question = self._asking[token] = asyncio.get_running_loop().create_future()
            self._waiting.append(token)
        if self._task is None:
            self._task = asyncio.create_task(self._ask_for_all(), name="tracker's questions")
        try:
            # Shielded: a client that hangs up takes the answer from nobody else.
            return await asyncio.shield(question)
        except DatabaseError as error:
            raise AnnounceError(
                "The tracker cannot reach its database. Announce again in a minute."
            ) from error

    async def _ask_for_all(self) -> None:
        """Ask for what waits until nothing does."""
        try:
            while self._waiting:
                batch = self._waiting[:MAX_ASKED_AT_ONCE]
                del self._waiting[:MAX_ASKED_AT_ONCE]
                await self._ask_for(batch)
        finally:
            self._task = None

    async def _ask_for(self, batch: list[str]) -> None:
        questions = {token: self._asking[token] for token in batch}
        try:
            found = await self._look_up(batch)
        except DatabaseError as error:
            logger.warning("the tracker could not read the database: %s", type(error).__name__)
            for question in questions.values():
                question.set_exception(error)
                question.exception()  # seen, also where nobody waits any more
        else:
            for token, question in questions.items():
                question.set_result(found.get(token))
        finally:
            for token, question in questions.items():
                self._asking.pop(token, None)
                question.cancel()  # does nothing where there is an answer
