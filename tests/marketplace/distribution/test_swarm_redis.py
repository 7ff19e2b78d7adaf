from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured

from marketplace.distribution.announce import Announce
from marketplace.distribution.swarm import LIFETIME, Swarms, SwarmSize
from marketplace.distribution.swarm_redis import STREAM, RedisFeed
from tests.marketplace.distribution.redis_server import RedisServer

SWARM = bytes(range(20))
HOST = b"\xc6\x33\x64\x01"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as started:
        yield started


@pytest.fixture
def process(server: RedisServer) -> Iterator[Callable[[], Swarms]]:
    """Makes the store of one more process of the shop."""
    with ExitStack() as stack:

        def make() -> Swarms:
            feed = RedisFeed(server.url, lifetime=LIFETIME)
            stack.callback(feed.stop)
            swarms = Swarms(feed=feed)
            swarms.size(SWARM)  # the first use
            return swarms

        yield make


def _say(
    swarms: Swarms, member: str, *, left: int = 0, event: str = "", now: float | None = None
) -> None:
    announce = Announce(SWARM, member.encode().ljust(20, b"-"), 7000, left, event=event)
    swarms.heard(SWARM, member, announce, HOST, time.time() if now is None else now)


def _until(swarms: Swarms, size: SwarmSize) -> None:
    deadline = time.monotonic() + 20
    while swarms.size(SWARM) != size:
        assert time.monotonic() < deadline, swarms.size(SWARM)
        time.sleep(0.01)


def test_what_one_process_hears_the_other_answers(process: Callable[[], Swarms]) -> None:
    one, other = process(), process()

    _say(one, "ada", left=0)
    _until(other, SwarmSize(1, 0))
    asking = Announce(SWARM, b"b" * 20, 7001, 5)
    view = other.heard(SWARM, "bob", asking, HOST, time.time())

    assert [(peer.peer_id, peer.host, peer.port) for peer in view.peers] == [
        (b"ada".ljust(20, b"-"), HOST, 7000)
    ]
    _until(one, SwarmSize(1, 1))


def test_who_leaves_or_is_put_out_is_gone_everywhere(process: Callable[[], Swarms]) -> None:
    one, other = process(), process()
    for member in ("ada", "bob", "eve"):
        _say(one, member)
    _until(other, SwarmSize(3, 0))

    _say(other, "ada", event="stopped")
    other.forget(SWARM, "bob", b"bob".ljust(20, b"-"), time.time())

    _until(one, SwarmSize(1, 0))


def test_who_finishes_is_counted_as_such_everywhere(process: Callable[[], Swarms]) -> None:
    one, other = process(), process()
    _say(one, "ada", left=9)
    _until(other, SwarmSize(0, 1))

    _say(one, "ada", left=0, event="completed")

    _until(other, SwarmSize(1, 0, 1))
    assert one.size(SWARM) == SwarmSize(1, 0, 1)


def test_a_process_that_starts_later_knows_the_swarms(process: Callable[[], Swarms]) -> None:
    one = process()
    for number in range(50):
        _say(one, f"member {number}", left=number % 2)
    _until(process(), SwarmSize(25, 25))

    _until(process(), SwarmSize(25, 25))


def test_without_redis_each_goes_on_and_tells_afterwards(
    server: RedisServer, process: Callable[[], Swarms], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    one, other = process(), process()
    _say(one, "ada")
    _until(other, SwarmSize(1, 0))

    server.stop()
    _say(one, "bob")
    alone = one.size(SWARM)
    server.start()

    assert alone == SwarmSize(2, 0)
    _until(other, SwarmSize(2, 0))
    assert server.url not in caplog.text


def test_the_stream_goes_back_as_far_as_a_peer_lives(server: RedisServer) -> None:
    feed = RedisFeed(server.url, lifetime=0.05)
    swarms = Swarms(feed=feed)
    client: redis.Redis = redis.Redis.from_url(server.url)
    # Redis drops whole blocks of a hundred entries, so there have to be some blocks.
    with client.pipeline() as pipeline:
        for number in range(1000):
            pipeline.xadd(STREAM, {b"by": b"x", b"heard": b""}, id=f"1000-{number + 1}")
        pipeline.execute()

    _say(swarms, "ada")
    deadline = time.monotonic() + 20
    while client.xlen(STREAM) > 200:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    feed.stop()
    client.close()


def test_what_is_no_change_is_skipped(
    server: RedisServer, process: Callable[[], Swarms], caplog: pytest.LogCaptureFixture
) -> None:
    one, other = process(), process()
    with redis.Redis.from_url(server.url) as client:
        client.xadd(STREAM, {b"by": b"stranger", b"heard": b"no change at all"})
        client.xadd(STREAM, {b"else": b""})

    _say(one, "ada")

    _until(other, SwarmSize(1, 0))
    assert "cannot be read" in caplog.text


def test_an_address_that_is_none_is_refused_and_not_repeated() -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        RedisFeed("http://:secret@localhost", lifetime=LIFETIME)

    assert "GEOBUK_SWARM_REDIS" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def _serve(url: str, number: int, rounds: int) -> None:
    feed = RedisFeed(url, lifetime=LIFETIME)
    swarms = Swarms(feed=feed)
    for at in range(rounds):
        _say(swarms, f"member {number}-{at}", left=at % 2)
    feed.stop()


def test_real_processes_meet_in_one_view(
    server: RedisServer, process: Callable[[], Swarms]
) -> None:
    here = process()
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_serve, args=(server.url, n, 200)) for n in range(2)]

    for other in others:
        other.start()
    _until(here, SwarmSize(200, 200))
    for other in others:
        other.join(30)

    assert [other.exitcode for other in others] == [0, 0]
