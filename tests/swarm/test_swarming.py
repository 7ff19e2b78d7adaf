from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seeder.errors import ShopUnreachableError
from seeder.session import Session, SessionSettings, TorrentState
from seeder.swarming import Swarming, first_label
from tests.swarm.closed import close_swarm
from tests.swarm.content import Content, make_content, same_files
from tests.swarm.swarm_desk import SwarmDesk

pytestmark = pytest.mark.swarm


class Clock:
    """The time of day, and some more when told to."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Device:
    """One machine: its session, its part in swarms, and where its files lie."""

    session: Session
    swarming: Swarming
    place: Path

    def add(self, content: Content, *, seeds: bool = False) -> None:
        place = content.save_path if seeds else self.place
        self.session.add(content.metainfo, place, seed_mode=seeds)

    @property
    def done(self) -> int:
        return self.session.snapshot()[0].done

    @property
    def complete(self) -> bool:
        return self.session.snapshot()[0].state is TorrentState.SEEDING


Open = Callable[..., Device]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "origin", [3_000_000])


@pytest.fixture
def desk(clock: Clock) -> SwarmDesk:
    return SwarmDesk(clock=clock)


@pytest.fixture
def closed(content: Content, desk: SwarmDesk) -> Content:
    closed, authority = close_swarm(content)
    desk.authorities[closed.name] = authority
    return closed


@pytest.fixture
def open_device(
    tmp_path: Path, desk: SwarmDesk, clock: Clock, socket_enabled: None
) -> Iterator[Open]:
    with ExitStack() as stack:

        def opened(name: str, *, host: str = "127.0.0.1", **settings: int) -> Device:
            shop = desk.shop(name, host=host)
            label = first_label(shop)
            chosen = SessionSettings(
                tcp_only=True,
                status_seconds=0.1,
                outgoing=host,
                label=label.text if label else "",
                download_rate=settings.get("down", 0),
                upload_rate=settings.get("up", 0),
            )
            listen = f"{host}:0,{host}:0s"
            session = stack.enter_context(Session(listen, tmp_path / name, settings=chosen))
            swarming = stack.enter_context(Swarming(shop, session, label=label, clock=clock))
            return Device(session, swarming, tmp_path / f"{name}-files")

        yield opened


def run(*devices: Device, until: Callable[[], bool], seconds: float = 20) -> None:
    """Let every device take its steps until something holds."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, [d.session.snapshot() for d in devices]
        for device in devices:
            device.swarming.step()
        time.sleep(0.05)


def run_for(*devices: Device, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    run(*devices, until=lambda: time.monotonic() > deadline, seconds=seconds + 5)


def test_devices_meet_by_the_shop_alone_and_the_shop_hears_how_far_they_are(
    closed: Content, desk: SwarmDesk, open_device: Open
) -> None:
    origin = open_device("origin")
    first, second = open_device("first", host="127.0.0.2"), open_device("second", host="127.0.0.3")
    origin.add(closed, seeds=True)
    run(origin, until=lambda: bool(desk.swarms))

    first.add(closed)
    run(origin, first, until=lambda: first.complete)
    run(origin, first, until=lambda: ("first", closed.name, "completed") in desk.events)
    origin.swarming.stop()
    origin.session.close()
    second.add(closed)
    run(first, second, until=lambda: second.complete)
    second.swarming.stop()

    assert same_files(closed, second.place)
    assert [e for d, _p, e in desk.events if d == "first"][:2] == ["started", "completed"]
    assert [e for d, _p, e in desk.events if d == "origin"][-1] == "stopped"
    assert [desk.labels[label] for label in desk.swarms[closed.name]] == ["first"]


def test_who_is_put_out_is_cut_and_gets_nothing_more(
    closed: Content, desk: SwarmDesk, open_device: Open
) -> None:
    origin, buyer = open_device("origin", up=500_000), open_device("buyer", host="127.0.0.2")
    origin.add(closed, seeds=True)
    buyer.add(closed)
    run(origin, buyer, until=lambda: buyer.done > 400_000)

    desk.out.add(("buyer", closed.name))
    origin.swarming.hurry(closed.name)
    run(origin, until=lambda: origin.session.peers() == (), seconds=3)
    # The buyer's program obeys nobody: it dials, and its certificate still counts.
    port = origin.session.tls_port
    buyer.session.wait_for(lambda torrents: torrents[0].peers == 0, timeout=5)
    run_for(origin, seconds=1)  # what came last is counted a report later
    before = buyer.session.snapshot()[0].downloaded
    for _ in range(8):
        buyer.session.connect_peer(closed.info_hash, ("127.0.0.1", port))
        run_for(origin, seconds=0.5)
        assert origin.session.peers() == ()

    assert buyer.session.snapshot()[0].downloaded == before
    assert not buyer.complete


def test_a_neighbour_behind_the_same_address_goes_on_while_the_other_is_cut(
    closed: Content, desk: SwarmDesk, open_device: Open
) -> None:
    origin = open_device("origin", up=600_000)
    bad, good = open_device("bad", host="127.0.0.2"), open_device("good", host="127.0.0.2")
    origin.add(closed, seeds=True)
    bad.add(closed)
    good.add(closed)
    run(origin, bad, good, until=lambda: min(bad.done, good.done) > 200_000)

    desk.out.add(("bad", closed.name))
    for device in (origin, good):
        device.swarming.hurry(closed.name)
    label = bad.session.label
    run(origin, good, until=lambda: label not in {p.label for p in origin.session.peers()})
    run(origin, good, until=lambda: label not in {p.label for p in good.session.peers()})
    run(origin, good, until=lambda: good.complete)

    assert same_files(closed, good.place)


def test_certificates_are_renewed_at_half_life_without_a_cut(
    closed: Content, desk: SwarmDesk, clock: Clock, open_device: Open
) -> None:
    origin, buyer = open_device("origin", up=500_000), open_device("buyer", host="127.0.0.2")
    origin.add(closed, seeds=True)
    buyer.add(closed)
    run(origin, buyer, until=lambda: buyer.done > 400_000)
    [before] = origin.session.peers()
    assert sorted(desk.certificates) == [("buyer", closed.name), ("origin", closed.name)]

    clock.ahead = timedelta(minutes=20)
    run_for(origin, buyer, seconds=0.3)
    assert len(desk.certificates) == 2
    clock.ahead = timedelta(minutes=40)
    run(origin, buyer, until=lambda: buyer.complete)
    [after] = origin.session.peers()

    assert sorted(desk.certificates) == sorted(
        [("buyer", closed.name), ("origin", closed.name)] * 2
    )
    assert (after.port, after.label) == (before.port, before.label)


def test_while_the_shop_is_away_what_is_connected_goes_on_and_later_it_is_asked_again(
    closed: Content, desk: SwarmDesk, clock: Clock, open_device: Open
) -> None:
    origin, buyer = open_device("origin", up=500_000), open_device("buyer", host="127.0.0.2")
    origin.add(closed, seeds=True)
    buyer.add(closed)
    run(origin, buyer, until=lambda: buyer.done > 300_000)

    desk.away = True
    clock.ahead = timedelta(minutes=40)
    for device in (origin, buyer):
        with pytest.raises(ShopUnreachableError):
            device.swarming.step()
        device.swarming.step()  # it waits before it asks again
    run(origin, buyer, until=lambda: buyer.complete)
    desk.away = False
    clock.ahead = timedelta(minutes=41)
    run(origin, buyer, until=lambda: ("buyer", closed.name, "completed") in desk.events)

    assert same_files(closed, buyer.place)


def test_who_starts_without_the_shop_gets_a_label_later_and_runs_under_it(
    closed: Content, desk: SwarmDesk, clock: Clock, open_device: Open
) -> None:
    origin = open_device("origin")
    origin.add(closed, seeds=True)
    run(origin, until=lambda: bool(desk.swarms))
    desk.away = True
    buyer = open_device("buyer", host="127.0.0.2")
    buyer.add(closed)
    made_up = buyer.session.label
    with pytest.raises(ShopUnreachableError):
        buyer.swarming.step()

    desk.away = False
    clock.ahead = timedelta(minutes=1)
    buyer.swarming.step()
    assert buyer.session.snapshot() == ()  # taken out, for whoever added it to add it again
    buyer.add(closed)
    run(origin, buyer, until=lambda: buyer.complete)

    assert made_up not in desk.labels
    assert desk.labels[buyer.session.snapshot()[0].label] == "buyer"


def test_a_label_that_ends_is_replaced_before(
    closed: Content, desk: SwarmDesk, clock: Clock, open_device: Open
) -> None:
    origin = open_device("origin")
    origin.add(closed, seeds=True)
    run(origin, until=lambda: bool(desk.swarms))
    old = origin.session.label

    clock.ahead = timedelta(days=6, hours=1)
    origin.swarming.step()
    assert origin.session.snapshot() == ()
    origin.add(closed, seeds=True)
    run(origin, until=lambda: len(desk.swarms[closed.name]) == 1 and origin.complete)

    assert origin.session.label != old
    assert list(desk.swarms[closed.name]) == [origin.session.label]


def test_a_refusal_is_noted_and_a_replaced_torrent_is_told(
    closed: Content, desk: SwarmDesk, clock: Clock, open_device: Open
) -> None:
    buyer = open_device("buyer")
    buyer.add(closed)
    desk.out.add(("buyer", closed.name))
    run(buyer, until=lambda: bool(buyer.swarming.note(closed.name)))
    assert buyer.swarming.note(closed.name) == "It is not in your library."

    desk.out.clear()
    desk.changed.add(closed.name)
    buyer.swarming.hurry(closed.name)
    buyer.swarming.step()

    assert buyer.swarming.take_outdated() == {closed.name}
    assert buyer.swarming.take_outdated() == frozenset()


def test_a_paused_torrent_and_one_that_is_taken_out_leave_their_swarm(
    closed: Content, desk: SwarmDesk, open_device: Open
) -> None:
    buyer = open_device("buyer")
    buyer.add(closed)
    run(buyer, until=lambda: bool(desk.swarms.get(closed.name)))

    buyer.session.pause(closed.info_hash)
    run(buyer, until=lambda: desk.swarms[closed.name] == {}, seconds=5)
    buyer.session.resume(closed.info_hash)
    run(buyer, until=lambda: len(desk.swarms[closed.name]) == 1, seconds=5)
    buyer.session.remove(closed.info_hash)
    run(buyer, until=lambda: desk.swarms[closed.name] == {}, seconds=5)

    assert [event for _d, _p, event in desk.events] == ["started", "stopped"] * 2


def test_with_sharing_off_a_seed_leaves_and_a_download_still_comes(
    closed: Content, desk: SwarmDesk, open_device: Open
) -> None:
    origin, buyer = open_device("origin"), open_device("buyer", host="127.0.0.2")
    buyer.swarming.sharing = False
    origin.add(closed, seeds=True)
    buyer.add(closed)

    run(origin, buyer, until=lambda: buyer.complete)
    run(origin, buyer, until=lambda: len(desk.swarms[closed.name]) == 1, seconds=5)

    assert [desk.labels[label] for label in desk.swarms[closed.name]] == ["origin"]


def test_the_swarms_of_two_packages_are_cut_apart(
    tmp_path: Path, closed: Content, desk: SwarmDesk, open_device: Open
) -> None:
    other, authority = close_swarm(make_content(tmp_path / "other", [2_000_000], seed=2))
    desk.authorities[other.name] = authority
    origin, buyer = open_device("origin", up=700_000), open_device("buyer", host="127.0.0.2")
    for content in (closed, other):
        origin.add(content, seeds=True)
        buyer.add(content)
    run(origin, buyer, until=lambda: buyer.done > 300_000)

    desk.out.add(("buyer", closed.name))
    origin.swarming.hurry(closed.name)
    run(
        origin,
        buyer,
        until=lambda: buyer.session.snapshot()[1].state is TorrentState.SEEDING,
    )

    assert same_files(other, buyer.place)
    assert not buyer.complete
