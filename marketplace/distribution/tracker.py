"""The tracker at /announce/<token>: a raw ASGI application beside Django.

The token in the path says which device announces in which swarm; it is a secret, so
it is neither logged nor repeated. Every answer has status 200, since clients lose the
text of any other. Whether the token's owner may still be here is asked of the database
at most every 30 seconds, off the event loop: a refund or a removed device ends it
without anybody calling the tracker. The peers are in this process's memory.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from marketplace.distribution.access import Membership, membership_of
from marketplace.distribution.announce import (
    Announce,
    encode_answer,
    encode_failure,
    parse_announce,
)
from marketplace.distribution.errors import AnnounceError
from marketplace.distribution.swarm import SWARMS, Swarms, View

__all__ = ["Tracker", "tracker"]

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
LookUp = Callable[[str], Awaitable[Membership | None]]

INTERVAL = 600  # seconds; each answer differs by up to a tenth, so that clients spread out
LONELY_INTERVAL = 60  # for who still waits for a first seed
# After a restart of this process the origin, which everyone can rely on, is back this soon.
ORIGIN_INTERVAL = 60
MIN_INTERVAL = 30
REMEMBER = 30.0  # seconds between two questions to the database about one token
MAX_REMEMBERED = 100_000
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_REFUSED = (
    "This announce address is not valid (any more). "
    "Fetch the torrent from the shop again, as “geobuk sync” does."
)
_HEADERS = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]

# Its own two threads: announces wait behind no slow page, and no page behind announces.
_threads = ThreadPoolExecutor(2, thread_name_prefix="tracker")
_look_up_in_database = database_sync_to_async(
    membership_of, thread_sensitive=False, executor=_threads
)


def _unix_time() -> float:
    return timezone.now().timestamp()


@dataclass(frozen=True, slots=True)
class _Remembered:
    membership: Membership | None
    until: float


class Tracker:
    """The ASGI application. Its parts are arguments, so tests bring their own clock."""

    def __init__(
        self,
        *,
        look_up: LookUp = _look_up_in_database,
        swarms: Swarms = SWARMS,
        clock: Callable[[], float] = _unix_time,
    ) -> None:
        self._look_up = look_up
        self._swarms = swarms
        self._clock = clock
        self._known: dict[str, _Remembered] = {}
        self._asking: dict[str, asyncio.Future[Membership | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            await _respond(send, b"Only GET is answered here.\n", status=405)
            return
        try:
            body = await self._answer(scope)
        except AnnounceError as error:
            body = encode_failure(str(error))
        await _respond(send, b"" if scope["method"] == "HEAD" else body)

    async def _answer(self, scope: Scope) -> bytes:
        token = scope["path"].removeprefix("/announce/")
        if not _TOKEN.fullmatch(token):
            raise AnnounceError(_REFUSED)
        announce = parse_announce(scope["query_string"])
        host = _host_of(scope)
        membership = await self._membership(token, announce.peer_id)
        if membership is None:
            raise AnnounceError(_REFUSED)
        if announce.info_hash != membership.info_hash:
            raise AnnounceError("This announce address belongs to another torrent.")
        if membership.is_origin and settings.ORIGIN_ADDRESS:
            # It announces from inside; peers have to dial it from outside.
            host = ipaddress.ip_address(settings.ORIGIN_ADDRESS).packed
        now = self._clock()
        view = self._swarms.heard(membership.info_hash, membership.member, announce, host, now)
        return encode_answer(
            announce,
            peers=view.peers,
            seeds=view.size.seeds,
            leechers=view.size.leechers,
            interval=ORIGIN_INTERVAL if membership.is_origin else _interval(announce, view),
            min_interval=MIN_INTERVAL,
        )

    async def _membership(self, token: str, peer_id: bytes) -> Membership | None:
        known = self._known.get(token)
        now = self._clock()
        if known is not None and now < known.until:
            return known.membership
        membership = await self._ask(token)
        # Taken out and put in again, the oldest answers stand in front.
        self._known.pop(token, None)
        self._known[token] = _Remembered(membership, now + REMEMBER)
        while len(self._known) > MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        if membership is None and known is not None and known.membership is not None:
            gone = known.membership
            self._swarms.forget(gone.info_hash, gone.member, peer_id, now)
        return membership

    async def _ask(self, token: str) -> Membership | None:
        """Ask the database once for all announces that wait for the same token."""
        if token not in self._asking:
            question = asyncio.ensure_future(self._look_up(token))
            self._asking[token] = question
            question.add_done_callback(lambda _done: self._asking.pop(token, None))
        try:
            # Shielded: a client that hangs up takes the answer from nobody else.
            return await asyncio.shield(self._asking[token])
        except DatabaseError as error:
            logger.warning("the tracker could not read the database: %s", type(error).__name__)
            raise AnnounceError(
                "The tracker cannot reach its database. Announce again in a minute."
            ) from error


def _host_of(scope: Scope) -> bytes:
    """The address of the socket, packed. What a client says of its own address is not read.

    Behind proxies of ours it is the entry that the outermost of them appended.
    """
    try:
        text = scope["client"][0]
        if settings.ALLAUTH_TRUSTED_PROXY_COUNT:
            hops = b",".join(v for k, v in scope["headers"] if k == b"x-forwarded-for").split(b",")
            text = hops[-settings.ALLAUTH_TRUSTED_PROXY_COUNT].strip().decode("ascii")
        host = ipaddress.ip_address(text)
    except (IndexError, KeyError, TypeError, ValueError):
        raise AnnounceError("The tracker cannot see your address.") from None
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
        return host.ipv4_mapped.packed
    return host.packed


def _interval(announce: Announce, view: View) -> int:
    if announce.left > 0 and view.size.seeds == 0 and not announce.stopped:
        return LONELY_INTERVAL
    spread = INTERVAL // 10
    return INTERVAL - spread + secrets.randbelow(2 * spread + 1)


async def _respond(send: Send, body: bytes, *, status: int = 200) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*_HEADERS, length]})
    await send({"type": "http.response.body", "body": body})


tracker = Tracker()
