from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.swarm.closed import close_swarm
from tests.swarm.content import Content, make_content, same_files
from tests.swarm.swarm_desk import SwarmDesk
from tests.swarm.two_homes import Homes, Household, two_homes

pytestmark = pytest.mark.netns

PORT = 6882  # of TLS
Start = Callable[..., Household]


@pytest.fixture
def desk() -> SwarmDesk:
    return SwarmDesk(clock=lambda: datetime.now(UTC))


@pytest.fixture
def content(tmp_path: Path, desk: SwarmDesk) -> Content:
    content, authority = close_swarm(make_content(tmp_path / "origin", [4_000_000]))
    desk.authorities[content.name] = authority
    (tmp_path / "package.torrent").write_bytes(content.metainfo)
    return content


@pytest.fixture
def homes() -> Iterator[Homes]:
    with two_homes() as built:
        yield built


@pytest.fixture
def start(tmp_path: Path, homes: Homes, content: Content, desk: SwarmDesk) -> Iterator[Start]:
    started: list[Household] = []

    def begun(home: str, *, seed: bool) -> Household:
        spec = {
            "state": str(tmp_path / f"state-{home}"),
            "save_path": str(content.save_path if seed else tmp_path / "buyer"),
            "metainfo": str(tmp_path / "package.torrent"),
            "seed": seed,
            "listen": f"0.0.0.0:6881,0.0.0.0:{PORT}s",
            "tcp_only": False,
        }
        # The shop sees the address that the router gives.
        answer = partial(desk.ask, home, homes.outside[home])
        household = Household(homes, home, spec, answer)
        started.append(household)
        return household

    yield begun
    for household in started:
        household.close()


def wait_until(true: Callable[[], bool], *, seconds: float) -> float:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


def test_two_households_behind_routers_reach_each_other_where_the_shop_names_them(
    tmp_path: Path, content: Content, desk: SwarmDesk, start: Start
) -> None:
    seed = start("a", seed=True)
    wait_until(lambda: bool(desk.swarms.get(content.name)), seconds=15)
    buyer = start("b", seed=False)
    wait_until(lambda: len(desk.swarms[content.name]) == 2, seconds=15)

    # Both dial, so each router lets the other's answer in.
    seed.hurry(content.name)
    wait_until(lambda: buyer.now["state"] == "seeding", seconds=60)

    assert same_files(content, tmp_path / "buyer")
    [peer] = [peer for peer in buyer.now["peers"] if peer["label"]]
    assert peer["host"] == "203.0.113.2"


def test_a_port_that_the_router_opened_is_enough_for_one_to_dial(
    tmp_path: Path, homes: Homes, content: Content, desk: SwarmDesk, start: Start
) -> None:
    homes.forward("a", PORT)
    start("a", seed=True)
    wait_until(lambda: bool(desk.swarms.get(content.name)), seconds=15)

    buyer = start("b", seed=False)
    wait_until(lambda: buyer.now["state"] == "seeding", seconds=60)

    assert same_files(content, tmp_path / "buyer")


def test_two_routers_that_scatter_their_ports_keep_two_households_apart(
    homes: Homes, content: Content, desk: SwarmDesk, start: Start
) -> None:
    for home in homes.outside:
        homes.scatter(home)
    seed = start("a", seed=True)
    wait_until(lambda: bool(desk.swarms.get(content.name)), seconds=15)
    buyer = start("b", seed=False)
    wait_until(lambda: len(desk.swarms[content.name]) == 2, seconds=15)

    seed.hurry(content.name)
    wait_until(lambda: len(buyer.states) > 40, seconds=40)

    # The shop knows no port that would lead in: such a household has to be dialled by nobody.
    assert buyer.now["done"] == 0


def test_without_a_word_of_the_shop_neither_router_lets_the_other_in(
    content: Content, desk: SwarmDesk, start: Start
) -> None:
    seed = start("a", seed=True)
    wait_until(lambda: bool(desk.swarms.get(content.name)), seconds=15)
    buyer = start("b", seed=False)
    wait_until(lambda: len(desk.swarms[content.name]) == 2, seconds=15)

    wait_until(lambda: len(buyer.states) > 40, seconds=40)

    assert buyer.now["done"] == 0
    assert seed.now["peers"] == []
