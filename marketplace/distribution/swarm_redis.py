"""Swarms of several processes: each tells the others what it hears, by a stream in Redis.

Every process answers from its own memory, so Redis is in nobody's way: what was heard
goes there in batches, some hundredths of a second later, by a thread of its own. The
stream goes back as far as a peer lives; a process that starts reads it from its beginning
and so knows the swarms at once. While Redis is away each process goes on with what it
knows and hears, and tells it afterwards.

The changes carry the time of who heard them: the clocks of the machines have to agree to
some seconds, as certificates and signed requests need anyway.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import redis
from django.core.exceptions import ImproperlyConfigured

from marketplace.distribution.swarm_changes import Change, pack, unpack

__all__ = ["RedisFeed"]

logger = logging.getLogger(__name__)

STREAM = "geobuk:swarms"
BATCH_SECONDS = 0.02
RETRY_SECONDS = 1.0
BLOCK_MILLISECONDS = 2000
_ENTRIES_AT_ONCE = 500
_MOST_WAITING = 200_000  # changes kept while Redis is away; then the oldest are dropped
_MOST_IN_A_BATCH = 5000


class RedisFeed:
    """The feed of one process, by the server at `url` (redis://, rediss://, unix://).

    `lifetime` in seconds says how far back the stream goes. Raises ImproperlyConfigured
    where the address cannot be read.
    """

    def __init__(self, url: str, *, lifetime: float, stream: str = STREAM) -> None:
        # The reader waits in the server for news, so its patience is longer than that.
        patience = BLOCK_MILLISECONDS / 1000 + 5
        try:
            self._redis = redis.Redis.from_url(
                url, socket_timeout=patience, socket_connect_timeout=5, protocol=2
            )
        except ValueError as error:
            # Without the address: there may be a password in it.
            raise ImproperlyConfigured(
                "GEOBUK_SWARM_REDIS is no address of a Redis server; write it as redis://host:6379/0."
            ) from error
        self._stream = stream
        self._lifetime = lifetime
        self._me = secrets.token_bytes(8)
        self._waiting: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._news = threading.Event()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._away = False

    def start(self, apply: Callable[[Change], None]) -> None:
        """Begin to tell, and to call `apply` with what others tell, each in a thread."""
        work: list[tuple[str, Callable[[], None]]] = [
            ("write", self._write),
            ("read", lambda: self._read(apply)),
        ]
        for name, target in work:
            thread = threading.Thread(target=target, name=f"swarms {name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def tell(self, change: Change) -> None:
        """Have `change` told to the others. Never waits."""
        self._waiting.append(pack(change))
        self._news.set()

    def stop(self) -> None:
        """Tell what is left, where Redis is there, and end the threads."""
        self._stopped.set()
        self._news.set()
        for thread in self._threads:
            thread.join()
        self._redis.close()

    def _write(self) -> None:
        while not self._stopped.is_set():
            self._news.wait()
            self._stopped.wait(BATCH_SECONDS)
            self._news.clear()
            while self._waiting and self._send():
                pass

    def _send(self) -> bool:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_IN_A_BATCH))]
        try:
            entry: Any = self._redis.xadd(
                self._stream, {b"by": self._me, b"heard": b"".join(batch)}
            )
            oldest = int(entry.partition(b"-")[0]) - int(self._lifetime * 1000)
            self._redis.xtrim(self._stream, minid=str(max(0, oldest)), approximate=True)
        except redis.RedisError as error:
            self._waiting.extendleft(reversed(batch))
            self._say_away(error)
            return not self._stopped.wait(RETRY_SECONDS)
        self._say_back()
        return True

    def _read(self, apply: Callable[[Change], None]) -> None:
        last: Any = "0-0"
        while not self._stopped.is_set():
            try:
                found: Any = self._redis.xread(
                    {self._stream: last}, count=_ENTRIES_AT_ONCE, block=BLOCK_MILLISECONDS
                )
            except redis.RedisError as error:
                self._say_away(error)
                self._stopped.wait(RETRY_SECONDS)
                continue
            for _stream, entries in found or []:
                for entry, fields in entries:
                    last = entry
                    if fields.get(b"by") != self._me:
                        self._take_in(fields.get(b"heard", b""), apply)

    def _take_in(self, heard: bytes, apply: Callable[[Change], None]) -> None:
        try:
            for change in unpack(heard):
                apply(change)
        except ValueError as error:
            logger.warning("Redis holds a change of the swarms that cannot be read: %s", error)

    def _say_away(self, error: redis.RedisError) -> None:
        if not self._away and not self._stopped.is_set():
            self._away = True
            logger.warning(
                "Redis does not answer (%s): peers of other processes are missing until it does.",
                type(error).__name__,
            )

    def _say_back(self) -> None:
        if self._away:
            self._away = False
            logger.info("Redis answers again.")
