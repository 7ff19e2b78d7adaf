from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from django.db import OperationalError

from marketplace.distribution.access import ORIGIN, Membership
from marketplace.distribution.tracker import INTERVAL, LONELY_INTERVAL, MIN_INTERVAL
from seeder.bencode import bdecode
from tests.marketplace.distribution.announcing import HASH, House, ask, peers_of, query

SEED: dict[str, Any] = {"left": 0}
LEECH: dict[str, Any] = {"left": 1000}


@pytest.fixture
def house() -> House:
    return House()


async def test_a_leecher_is_given_the_seed_and_the_seed_the_leecher(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")

    first = await house.announce(ada, host="198.51.100.1", port=7001, **SEED)
    second = await house.announce(eve, host="198.51.100.2", port=7002, **LEECH)
    third = await house.announce(ada, host="198.51.100.1", port=7001, **SEED)

    assert (peers_of(first), first[b"complete"], first[b"incomplete"]) == (set(), 1, 0)
    assert peers_of(second) == {"198.51.100.1:7001"}
    assert (second[b"complete"], second[b"incomplete"]) == (1, 1)
    assert peers_of(third) == {"198.51.100.2:7002"}


async def test_seeds_are_given_no_seeds(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")
    await house.announce(ada, **SEED)

    answer = await house.announce(eve, **SEED)

    assert peers_of(answer) == set()


async def test_ones_own_peers_are_never_returned(house: House) -> None:
    ada = house.let_in("ada")
    await house.announce(ada, peer_id=b"a" * 20, port=7001, **SEED)

    answer = await house.announce(ada, peer_id=b"b" * 20, port=7002, **LEECH)

    assert peers_of(answer) == set()
    assert (answer[b"complete"], answer[b"incomplete"]) == (1, 0)


async def test_who_comes_back_after_a_crash_is_counted_once(house: House) -> None:
    ada, bob = house.let_in("ada"), house.let_in("bob")
    await house.announce(ada, peer_id=b"a" * 20, port=7001, **LEECH)
    crashed = await house.announce(bob, peer_id=b"b" * 20, port=7002, **LEECH)
    back = await house.announce(bob, peer_id=b"c" * 20, port=7003, **LEECH)
    done = await house.announce(bob, peer_id=b"c" * 20, port=7003, **SEED)
    gone = await house.announce(bob, peer_id=b"c" * 20, port=7003, event="stopped", **SEED)

    sizes = [(a[b"complete"], a[b"incomplete"]) for a in (crashed, back, done, gone)]
    assert sizes == [(0, 2), (0, 2), (1, 1), (0, 2)]


async def test_swarms_do_not_see_each_other(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve", info_hash=b"another torrent's id")
    await house.announce(ada, **SEED)

    answer = await house.announce(eve, info_hash=b"another torrent's id", **LEECH)

    assert (peers_of(answer), answer[b"complete"]) == (set(), 0)


async def test_who_stops_is_gone_and_may_say_port_0(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")
    await house.announce(ada, **SEED)

    good_bye = await house.announce(ada, event="stopped", port=0, **SEED)
    answer = await house.announce(eve, **LEECH)

    assert b"failure reason" not in good_bye
    assert (peers_of(answer), answer[b"complete"]) == (set(), 0)


async def test_who_is_silent_is_gone_in_time(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")
    await house.announce(ada, **SEED)

    house.clock.now += 1319
    in_time = await house.announce(eve, **LEECH)
    house.clock.now += 2
    late = await house.announce(eve, **LEECH)

    assert (in_time[b"complete"], late[b"complete"]) == (1, 0)


async def test_three_peers_a_member_and_the_oldest_makes_room(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")
    for number in range(5):
        await house.announce(ada, peer_id=b"%020d" % number, port=7000 + number, **SEED)

    answer = await house.announce(eve, **LEECH)

    assert peers_of(answer) == {f"198.51.100.1:{port}" for port in (7002, 7003, 7004)}


async def test_a_client_that_was_killed_and_started_again_counts_once(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")
    await house.announce(ada, peer_id=b"a" * 20, **SEED)
    await house.announce(ada, peer_id=b"b" * 20, **SEED)

    answer = await house.announce(eve, **LEECH)

    assert answer[b"complete"] == 1


async def test_ipv6_and_ipv4_of_one_client_are_one_peer_with_two_addresses(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")
    await house.announce(ada, host="2001:db8::1", **SEED)
    await house.announce(ada, host="::ffff:198.51.100.1", **SEED)

    answer = await house.announce(eve, host="198.51.100.2", **LEECH)

    assert peers_of(answer) == {"198.51.100.1:6881", "[2001:db8::1]:6881"}
    assert answer[b"complete"] == 1


async def test_peers_as_dictionaries_where_compact_is_refused(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")
    await house.announce(ada, peer_id=b"a" * 20, **SEED)

    plain = await house.announce(eve, compact=0, no_peer_id=None, **LEECH)
    short = await house.announce(eve, compact=0, no_peer_id=1, **LEECH)

    entry = {b"ip": b"198.51.100.1", b"peer id": b"a" * 20, b"port": 6881}
    assert plain[b"peers"] == [entry]
    assert short[b"peers"] == [{b"ip": b"198.51.100.1", b"port": 6881}]


async def test_numwant_is_clamped(house: House) -> None:
    for number in range(80):
        token = house.let_in(f"seed{number}")
        await house.announce(token, host=f"198.51.100.{number}", **SEED)
    eve = house.let_in("eve")

    sizes = [
        len(peers_of(await house.announce(eve, numwant=numwant, **LEECH)))
        for numwant in (None, 0, 7, 50, 2**63 - 1)
    ]

    assert sizes == [30, 0, 7, 50, 50]


async def test_intervals_are_spread_and_the_lonely_come_back_soon(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")

    lonely = await house.announce(eve, **LEECH)
    usual = {(await house.announce(ada, **SEED))[b"interval"] for _ in range(30)}

    assert lonely[b"interval"] == LONELY_INTERVAL
    assert len(usual) > 5
    assert all(INTERVAL * 0.9 <= interval <= INTERVAL * 1.1 for interval in usual)
    assert lonely[b"min interval"] == MIN_INTERVAL


@pytest.mark.parametrize(
    "changes",
    [
        {"info_hash": None},
        {"info_hash": b"short"},
        {"info_hash": bytes(32)},
        {"peer_id": None},
        {"peer_id": b"x" * 21},
        {"port": None},
        {"port": 0},
        {"port": 65536},
        {"port": "6881.0"},
        {"left": None},
        {"left": -1},
        {"left": 2**63},
        {"left": "1e9"},
        {"left": ""},
        {"left": "%D9%A1"},  # an Arabic digit
        {"uploaded": 2**63},
        {"uploaded": "+1"},
        {"downloaded": "9" * 5000},
        {"downloaded": "%201"},
        {"numwant": -1},
        {"numwant": "many"},
        {"event": "exploded"},
        {"info_hash": bytes(20)},  # another torrent than the token's
        {"trackerid": "x" * 2048},
    ],
    ids=str,
)
async def test_odd_announces_are_told_why_and_enter_nothing(
    house: House, changes: dict[str, Any]
) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")

    refusal = await house.announce(ada, **changes)
    answer = await house.announce(eve, **LEECH)

    assert set(refusal) == {b"failure reason"}
    assert refusal[b"failure reason"].decode().endswith(".")
    assert (answer[b"complete"], answer[b"incomplete"]) == (0, 1)


@pytest.mark.parametrize("number", [0, 2**53, 2**63 - 1])
async def test_large_numbers_up_to_the_limit_are_taken(house: House, number: int) -> None:
    ada = house.let_in("ada")

    answer = await house.announce(ada, uploaded=number, downloaded=number, left=number)

    assert b"failure reason" not in answer


async def test_a_hash_with_a_plus_and_a_percent_survives(house: House) -> None:
    raw = b"+%&= \x00\xff\xfe" + b"+" * 12
    token = house.let_in("ada")
    house.members[token] = Membership(raw, "ada")
    escaped = b"".join(b"+" if byte == 0x2B else b"%%%02x" % byte for byte in raw)
    text = query().replace(query(port=None).split(b"&")[0], b"info_hash=" + escaped)

    status, body = await ask(house.tracker, f"/announce/{token}", text)

    assert (status, b"failure" in body) == (200, False)


async def test_a_client_cannot_say_where_it_is(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")
    claims = {"ip": "203.0.113.9", "ipv4": "203.0.113.9", "ipv6": "2001:db8::9"}
    text = query(**claims)
    forwarded = ((b"x-forwarded-for", b"203.0.113.9"),)
    await ask(house.tracker, f"/announce/{ada}", text, headers=forwarded)

    answer = await house.announce(eve, **LEECH)

    assert peers_of(answer) == {"198.51.100.1:6881"}


async def test_behind_a_proxy_of_ours_its_own_entry_counts() -> None:
    house = House(proxies=1)
    ada, eve = house.let_in("ada"), house.let_in("eve")
    header = ((b"x-forwarded-for", b"203.0.113.9, 198.51.100.77"),)

    await ask(house.tracker, f"/announce/{ada}", query(), host="127.0.0.1", headers=header)
    _status, body = await ask(
        house.tracker, f"/announce/{eve}", query(**LEECH), host="127.0.0.1", headers=header
    )
    _status, without = await ask(house.tracker, f"/announce/{eve}", query(), host="127.0.0.1")

    assert peers_of(bdecode(body)) == {"198.51.100.77:6881"}
    assert b"cannot see your address" in without


async def test_the_origin_is_given_out_under_its_outer_address() -> None:
    house = House(origin_address="203.0.113.50")
    origin, eve = house.let_in("origin", user=ORIGIN), house.let_in("eve")
    await house.announce(origin, host="127.0.0.1", **SEED)

    answer = await house.announce(eve, **LEECH)

    assert peers_of(answer) == {"203.0.113.50:6881"}


@pytest.mark.parametrize("path", ["", "x", "a" * 42, "a" * 44, "a" * 43 + "/", "../" + "a" * 40])
async def test_what_is_no_token_is_refused_without_asking_the_database(
    house: House, path: str
) -> None:
    status, body = await ask(house.tracker, f"/announce/{path}", query())

    assert status == 200
    assert b"failure reason" in body
    assert house.asked == []


async def test_the_database_is_asked_once_in_thirty_seconds(house: House) -> None:
    ada = house.let_in("ada")
    for _ in range(5):
        await house.announce(ada)
    house.clock.now += 29
    await house.announce(ada)

    before = len(house.asked)
    house.clock.now += 2
    await house.announce(ada)

    assert (before, len(house.asked)) == (1, 2)


async def test_many_at_once_ask_the_database_once(house: House) -> None:
    ada = house.let_in("ada")

    await asyncio.gather(*(house.announce(ada) for _ in range(20)))

    assert house.asked == [ada]


async def test_all_who_come_meanwhile_are_asked_for_at_once(house: House) -> None:
    tokens = [house.let_in(f"peer{number}") for number in range(30)]

    await asyncio.gather(*(house.announce(token) for token in tokens))

    assert sorted(house.asked) == sorted(tokens)
    assert house.questions == 1


async def test_a_client_that_hangs_up_takes_the_answer_from_nobody(house: House) -> None:
    ada = house.let_in("ada")
    impatient = asyncio.create_task(house.announce(ada))
    patient = asyncio.create_task(house.announce(ada))
    await asyncio.sleep(0)

    impatient.cancel()

    assert b"failure reason" not in await patient
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_the_device_of_a_user_that_is_put_out_leaves_the_others_there(house: House) -> None:
    desk, lap = house.let_in("desk", user="ada"), house.let_in("lap", user="ada")
    eve = house.let_in("eve")
    await house.announce(desk, peer_id=b"d" * 20, port=7001, **SEED)
    await house.announce(lap, peer_id=b"l" * 20, port=7002, **SEED)
    del house.members[lap]

    house.clock.now += 31
    await house.announce(lap, peer_id=b"l" * 20, port=7002, **SEED)

    assert peers_of(await house.announce(eve, **LEECH)) == {"198.51.100.1:7001"}


async def test_who_may_not_any_more_is_put_out(house: House) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")
    await house.announce(ada, **SEED)
    del house.members[ada]

    house.clock.now += 31
    refusal = await house.announce(ada, **SEED)
    answer = await house.announce(eve, **LEECH)

    assert b"failure reason" in refusal
    assert (peers_of(answer), answer[b"complete"]) == (set(), 0)


async def test_a_database_that_is_away_is_a_sentence(house: House) -> None:
    ada = house.let_in("ada")
    house.members[ada] = OperationalError("gone")

    refusal = await house.announce(ada)
    house.let_in("ada")
    answer = await house.announce(ada)

    assert b"cannot reach its database" in refusal[b"failure reason"]
    assert b"failure reason" not in answer


async def test_tokens_are_neither_logged_nor_repeated(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ada = house.let_in("ada")
    stranger = "stranger".ljust(43, "_")
    house.members["broken".ljust(43, "_")] = OperationalError("gone")

    bodies = [
        (await ask(house.tracker, f"/announce/{token}", text))[1]
        for token in (ada, stranger, "broken".ljust(43, "_"))
        for text in (query(), query(port=0), query(info_hash=bytes(20)))
    ]

    assert not any(b"_____" in body for body in bodies)
    assert "_____" not in caplog.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
async def test_only_get_is_answered(house: House, method: str) -> None:
    ada = house.let_in("ada")

    status, _body = await ask(house.tracker, f"/announce/{ada}", query(), method=method)

    assert (status, house.asked) == (405, [])


@pytest.mark.parametrize("path", ["/announce/", "/scrape/"])
async def test_head_says_and_changes_nothing(house: House, path: str) -> None:
    ada, eve = house.let_in("ada"), house.let_in("eve")

    status, body = await ask(house.tracker, f"{path}{ada}", query(), method="HEAD")

    assert (status, body, house.asked) == (200, b"", [])
    assert (await house.announce(eve, **LEECH))[b"complete"] == 0


async def test_a_socket_without_an_address_is_refused(house: House) -> None:
    ada = house.let_in("ada")

    _status, body = await ask(house.tracker, f"/announce/{ada}", query(), host=None)

    assert b"cannot see your address" in body


async def test_the_answer_is_canonical_bencode(house: House) -> None:
    ada = house.let_in("ada")

    _status, body = await ask(house.tracker, f"/announce/{ada}", query())

    # The strict reader refuses unsorted keys and leading zeros.
    assert set(bdecode(body)) >= {b"complete", b"incomplete", b"interval", b"peers"}  # type: ignore[arg-type]
    assert len(HASH) == 20


async def test_a_scrape_tells_the_size_of_the_tokens_own_swarm(house: House) -> None:
    ada, bob, eve = house.let_in("ada"), house.let_in("bob"), house.let_in("eve")
    await house.announce(ada, **SEED)
    await house.announce(bob, **LEECH)
    await house.announce(bob, event="completed", **SEED)
    await house.announce(eve, **LEECH)

    by_hash = await house.scrape(eve, HASH)
    of_all = await house.scrape(eve)
    of_both = await house.scrape(eve, bytes(20), HASH)

    file = {b"complete": 2, b"downloaded": 1, b"incomplete": 1}
    told = {b"files": {HASH: file}, b"flags": {b"min_request_interval": INTERVAL}}
    assert (by_hash, of_all, of_both) == (told, told, told)


async def test_a_scrape_tells_nothing_of_other_swarms(house: House) -> None:
    other = b"another torrent's id"
    ada, eve = house.let_in("ada"), house.let_in("eve", info_hash=other)
    await house.announce(eve, info_hash=other, **SEED)

    assert (await house.scrape(ada, other))[b"files"] == {}


async def test_a_scrape_enters_nobody(house: House) -> None:
    ada = house.let_in("ada")

    answer = await house.scrape(ada, HASH)

    file = {b"complete": 0, b"downloaded": 0, b"incomplete": 0}
    assert answer[b"files"] == {HASH: file}


@pytest.mark.parametrize("token", ["", "x", "stranger".ljust(43, "_")])
async def test_a_scrape_of_a_stranger_is_refused(house: House, token: str) -> None:
    assert set(await house.scrape(token, HASH)) == {b"failure reason"}


@pytest.mark.parametrize("text", [b"info_hash=short", b"info_hash=" + b"%41" * 21, b"x" * 3000])
async def test_an_odd_scrape_is_told_why(house: House, text: bytes) -> None:
    ada = house.let_in("ada")

    status, body = await ask(house.tracker, f"/scrape/{ada}", text)

    assert (status, set(bdecode(body))) == (200, {b"failure reason"})  # type: ignore[arg-type]
