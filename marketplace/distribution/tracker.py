"""The tracker at /announce/<token> and /scrape/<token>: a raw ASGI application beside Django.

The token in the path says which device announces in which swarm; it is a secret, so
it is neither logged nor repeated. Every answer has status 200, since clients lose the
text of any other. Whether the token's owner may still be here is asked of the database
at most every 30 seconds, off the event loop and for all who wait at once: a refund or a
removed device ends it without anybody calling the tracker. Nothing is written: announces
are claims, and what counts is what devices sign.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import timezone

from marketplace.distribution.access import Membership
from marketplace.distribution.announce import (
    Announce,
    encode_answer,
    encode_failure,
    encode_scrape,
    parse_announce,
    parse_scrape,
)
from marketplace.distribution.errors import AnnounceError
from marketplace.distribution.memberships import LookUp, Memberships, look_up_in_database
from marketplace.distribution.swarm import SWARMS, Swarms, View

__all__ = ["Tracker", "tracker"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

INTERVAL = 600  # seconds; each answer differs by up to a tenth, so that clients spread out
LONELY_INTERVAL = 60  # for who still waits for a first seed
# After a restart of this process the origin, which everyone can rely on, is back this soon.
ORIGIN_INTERVAL = 60
MIN_INTERVAL = 30
_SPREAD = INTERVAL // 10
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_ANNOUNCE, _SCRAPE = "/announce/", "/scrape/"
_REFUSED = (
    "This announce address is not valid (any more). "
    "Fetch the torrent from the shop again, as “geobuk sync” does."
)
_ELSEWHERE = "This announce address belongs to another torrent."
_HEADERS = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]


def _unix_time() -> float:
    return timezone.now().timestamp()


class Tracker:
    """The ASGI application. Its parts are arguments, so tests bring their own clock."""

    def __init__(
        self,
        *,
        look_up: LookUp = look_up_in_database,
        swarms: Swarms = SWARMS,
        clock: Callable[[], float] = _unix_time,
        proxies: int = settings.ALLAUTH_TRUSTED_PROXY_COUNT,
        origin_address: str = settings.ORIGIN_ADDRESS,
    ) -> None:
        self._memberships = Memberships(look_up)
        self._swarms = swarms
        self._clock = clock
        self._proxies = proxies
        # It announces from inside; peers have to dial it from outside.
        self._origin_host = _packed(origin_address) if origin_address else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method != "GET":
            await _respond_without_body(send, method)
            return
        path: str = scope["path"]
        try:
            if path.startswith(_ANNOUNCE):
                body = await self._announce(path[len(_ANNOUNCE) :], scope)
            else:
                body = await self._scrape(path.removeprefix(_SCRAPE), scope)
        except AnnounceError as error:
            body = encode_failure(str(error))
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]})
        await send({"type": "http.response.body", "body": body})

    async def _announce(self, token: str, scope: Scope) -> bytes:
        announce = parse_announce(scope["query_string"])
        host, now = _host_of(scope, self._proxies), self._clock()
        membership = self._memberships.remembered(token, now)
        if membership is None:
            membership = await self._let_in(token, announce.peer_id, now)
        if announce.info_hash != membership.info_hash:
            raise AnnounceError(_ELSEWHERE)
        is_origin = membership.is_origin
        if is_origin and self._origin_host is not None:
            host = self._origin_host
        view = self._swarms.heard(membership.info_hash, membership.member, announce, host, now)
        return encode_answer(
            announce,
            four=view.four.packed,
            six=view.six.packed,
            peers=() if announce.compact else view.peers,
            size=(view.size.seeds, view.size.leechers),
            interval=ORIGIN_INTERVAL if is_origin else _interval(announce, view),
            min_interval=MIN_INTERVAL,
        )

    async def _scrape(self, token: str, scope: Scope) -> bytes:
        """The sizes of the token's own swarm; of others nothing is told, not even that."""
        asked = parse_scrape(scope["query_string"])
        membership = await self._let_in(token, None, self._clock())
        files = {}
        if not asked or membership.info_hash in asked:
            size = self._swarms.size(membership.info_hash)
            files[membership.info_hash] = (size.seeds, size.completed, size.leechers)
        return encode_scrape(files, min_interval=INTERVAL)

    async def _let_in(self, token: str, peer_id: bytes | None, now: float) -> Membership:
        """What the token permits. Raises AnnounceError, and puts the peer out, where nothing."""
        if not _TOKEN.fullmatch(token):
            raise AnnounceError(_REFUSED)
        membership, before = await self._memberships.of(token, now)
        if membership is None:
            if before is not None and peer_id is not None:
                self._swarms.forget(before.info_hash, before.member, peer_id, now)
            raise AnnounceError(_REFUSED)
        return membership


def _host_of(scope: Scope, proxies: int) -> bytes:
    """The address of the socket, packed. What a client says of its own address is not read.

    Behind proxies of ours it is the entry that the outermost of them appended.
    """
    try:
        text = scope["client"][0]
        if proxies:
            hops = b",".join(v for k, v in scope["headers"] if k == b"x-forwarded-for").split(b",")
            text = hops[-proxies].strip().decode("ascii")
        return _packed(text)
    except (IndexError, KeyError, TypeError, ValueError):
        raise AnnounceError("The tracker cannot see your address.") from None


@lru_cache(maxsize=16384)
def _packed(text: str) -> bytes:
    host = ipaddress.ip_address(text)
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
        return host.ipv4_mapped.packed
    return host.packed


def _interval(announce: Announce, view: View) -> int:
    if announce.left > 0 and view.size.seeds == 0 and not announce.stopped:
        return LONELY_INTERVAL
    return INTERVAL - _SPREAD + secrets.randbelow(2 * _SPREAD + 1)


async def _respond_without_body(send: Send, method: str) -> None:
    """HEAD changes nothing and says nothing; what else is no GET is refused."""
    body = b"" if method == "HEAD" else b"Only GET is answered here.\n"
    headers, status = [*_HEADERS], 200
    if method != "HEAD":
        headers += [(b"allow", b"GET, HEAD"), (b"content-length", b"%d" % len(body))]
        status = 405
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


tracker = Tracker()
