"""Leases against the fake shop: fetched, kept, renewed, refused without loss, and decided with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from drm.decision import Decision
from drm.keys import IdentityKey
from seeder.cli.seat import Seat
from seeder.client import ShopClient
from seeder.config import ShopFolder, utc_now
from seeder.errors import LicenceRefusedError, ShopAnswerError, ShopRefusedError
from seeder.leases import HeldLicence, Leases
from seeder.permit import Permit
from seeder.records import Records
from seeder.trust import certified_licence
from tests.seeder.lease_desk import HOUR, rental
from tests.seeder.shop import FakePackage, FakeShop, Running
from tests.seeder.test_playback import other_device
from tests.seeder.test_records import make_device

HOURS = timedelta(hours=1)


class Desk:
    """One rental on one device, whose clock and shop the test holds."""

    def __init__(self, seat: Seat, shop: FakeShop, package: FakePackage) -> None:
        self.seat = seat
        self.shop = shop
        self.package = package
        self.later = timedelta(0)  # the device's clock, against the true one
        self.timer = 0.0
        self.client = ShopClient(seat.shop, seat.folder, seat.device, sleep=lambda _: None)
        jws = self.client.licence(package.id)
        claims, _issuer = certified_licence(jws, seat.shop)
        self.held = HeldLicence(claims, jws)

    @property
    def leases(self) -> Leases:
        """As after a restart: nothing in memory."""
        return Leases(
            self.seat.shop, self.seat.folder, self.seat.device, clock=lambda: utc_now() + self.later
        )

    def renew(self) -> Leases:
        leases = self.leases
        leases.renew(self.client, self.held)
        return leases

    def decide(self) -> Decision:
        return self.leases.decide("play", self.held)

    def permit(self, *, client: ShopClient | None = None, leases: Leases | None = None) -> Permit:
        desk = leases or self.leases
        decision = desk.decide("play", self.held)
        return Permit(desk, self.held, decision, client=client, timer=lambda: self.timer)

    def play(self) -> Permit:
        permit = self.permit()
        permit.check()
        return permit


@pytest.fixture
def make_desk(seat: Seat, shop: FakeShop, film: FakePackage) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(**rights: Any) -> Desk:
        film.rights, film.kind, film.may_save = rental(**rights), "rental", False
        made.append(Desk(seat, shop, film))
        return made[0]

    yield make
    for desk in made:
        desk.client.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


def code(permit: Permit) -> str:
    with pytest.raises(LicenceRefusedError) as caught:
        permit.check()
    return caught.value.code


# Fetched and kept ------------------------------------------------------------


def test_without_a_lease_it_asks_to_go_online(desk: Desk) -> None:
    decision = desk.decide()

    assert (decision.allowed, decision.code, decision.go_online) == (False, "lease_missing", True)


def test_a_rental_plays_offline_within_lease_and_grace_and_not_after(desk: Desk) -> None:
    desk.renew()

    # The end of a lease is rounded up to the full hour.
    for hours, allowed in ((0, True), (71, True), (95, True), (97, False)):
        desk.later = hours * HOURS
        assert desk.decide().allowed is allowed, hours
    assert desk.decide().code == "lease_expired"
    assert desk.decide().go_online


def test_the_shop_is_told_the_counter_the_first_play_and_the_plays(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(plays=5)
    desk.renew()
    desk.play()
    desk.play()
    desk.renew()

    first, second = desk.shop.leases.asked
    assert (first["counter"], first["first_play"], first["plays"]) == (0, None, 0)
    assert (second["counter"], second["plays"]) == (1, 2)
    assert second["first_play"] % 60 == 0
    assert abs(second["first_play"] - time.time()) < 120
    assert first["nonce"] != second["nonce"]
    # Plays count under the present lease alone; the shop keeps the others.
    terms = desk.leases.terms(desk.held)
    assert terms.lease is not None
    assert (terms.usage.plays, terms.lease.plays, terms.lease.counter) == (0, 2, 2)
    assert desk.decide().plays_left == 3
    assert not desk.shop.leases.forked


def test_a_play_during_the_question_is_not_lost(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(plays=5)
    desk.renew()
    desk.play()
    ask = desk.client.ask

    def slow(*arguments: Any, **options: Any) -> dict[str, Any]:
        answer = ask(*arguments, **options)
        desk.play()
        return answer

    monkeypatch.setattr(desk.client, "ask", slow)
    desk.renew()

    assert desk.leases.terms(desk.held).usage.plays == 1
    assert desk.decide().plays_left == 3


def test_half_a_lease_is_the_time_for_the_next(desk: Desk) -> None:
    assert desk.leases.due(desk.held)
    desk.renew()
    for hours, due in ((1, False), (35, False), (37, True), (200, True)):
        desk.later = hours * HOURS
        assert desk.leases.due(desk.held) is due, hours
        assert (desk.leases.refresh(None, desk.held) is None) is True
    assert desk.leases.refresh(desk.client, desk.held) is None
    assert len(desk.shop.leases.asked) == 2


def test_two_renewals_at_once_leave_one_lease_and_no_suspicion(desk: Desk) -> None:
    desk.renew()
    threads = [threading.Thread(target=desk.renew) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert desk.decide().allowed
    desk.renew()
    assert not desk.shop.leases.forked


# Refused without loss --------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["other_device", "other_licence", "old_nonce", "forged", "no_jws", "replayed"]
)
def test_a_wrong_lease_is_refused_and_the_held_one_goes_on(desk: Desk, fault: str) -> None:
    desk.renew()
    before = desk.leases.records.read()
    book = desk.shop.leases
    other = other_device()
    match fault:
        case "other_device":
            jws = desk.shop.make_licence(desk.package, other)
            book.changes = {"device": other, "licence": jws}
        case "other_licence":
            device = desk.shop.devices[desk.seat.device.thumbprint]
            book.changes = {
                "licence": desk.shop.make_licence(desk.package, device, licence_id="another")
            }
        case "old_nonce":
            book.changes = {"nonce": book.asked[0]["nonce"]}
        case "forged":
            book.changes = {"issuer": IdentityKey.generate()}
        case "no_jws":
            book.answer = "<html>404</html>"
        case "replayed":
            [held] = before.licences.values()
            book.answer = held.lease

    failure = desk.leases.refresh(desk.client, desk.held, now_due=True)

    assert isinstance(failure, LicenceRefusedError)
    assert failure.code == "bad_signature"
    assert desk.leases.records.read() == before
    assert desk.decide().allowed


def test_a_lease_without_a_key_for_us_is_not_kept(desk: Desk) -> None:
    # Given a shop that seals the lease's key to another device, under our name.
    ours = desk.shop.devices[desk.seat.device.thumbprint]
    desk.shop.leases.changes = {
        "device": replace(ours, sealing_public=other_device().sealing_public)
    }

    with pytest.raises(LicenceRefusedError, match="not used"):
        desk.renew()

    assert desk.leases.terms(desk.held).lease is None


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422, 429, 500, 503])
def test_an_unsigned_no_takes_nothing_away(desk: Desk, status: int) -> None:
    desk.renew()
    desk.shop.failing = [status] * 9

    failure = desk.leases.refresh(desk.client, desk.held, now_due=True)

    assert isinstance(failure, ShopRefusedError)
    assert desk.decide().allowed


def test_an_answer_without_a_lease_takes_nothing_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.renew()
    monkeypatch.setattr(desk.client, "ask", lambda *_a, **_o: {"lease": None})

    failure = desk.leases.refresh(desk.client, desk.held, now_due=True)
    assert isinstance(failure, ShopAnswerError)
    assert desk.decide().allowed


def test_while_the_shop_is_away_the_held_lease_goes_on(desk: Desk, running: Running) -> None:
    desk.renew()
    running.stop()

    for hours, allowed in ((40, True), (95, True), (97, False)):
        desk.later = hours * HOURS
        assert desk.leases.refresh(desk.client, desk.held) is not None
        assert desk.decide().allowed is allowed


# Clocks and lost records -----------------------------------------------------


def test_a_clock_set_back_asks_to_go_online_once_and_then_plays(desk: Desk) -> None:
    # Given a clock that was an hour ahead while playing, and is right now.
    desk.renew()
    desk.later = HOURS
    desk.play()
    desk.later = timedelta(0)

    refused = desk.decide()
    assert (refused.allowed, refused.code, refused.go_online) == (False, "clock_set_back", True)
    assert desk.leases.refresh(desk.client, desk.held) is None
    assert desk.decide().allowed


def test_a_clock_that_is_years_behind_plays_online_by_the_shops_time(desk: Desk) -> None:
    desk.later = timedelta(days=-900)
    assert desk.decide().code == "clock_set_back"  # the licence is dated

    leases = desk.renew()

    assert leases.decide("play", desk.held).allowed
    # Alone it is not believed again: the shop dated the lease.
    assert desk.decide().code == "clock_set_back"


def test_a_clock_set_back_during_a_play_wins_no_time(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(window=2 * HOUR)
    desk.renew()
    permit = desk.play()
    desk.timer = 2 * HOUR - 1
    permit.check()
    desk.later, desk.timer = -HOURS, 2 * HOUR + 1

    assert code(permit) in {"window_over", "clock_set_back"}


@pytest.mark.parametrize("name", ["record.json", "record.head"])
@pytest.mark.parametrize("how", ["deleted", "edited", "foreign"])
def test_a_lost_record_asks_to_go_online_once_and_then_plays(
    desk: Desk, name: str, how: str
) -> None:
    desk.renew()
    desk.play()
    file = desk.seat.folder.path / name
    if how == "deleted":
        file.unlink()
    elif how == "edited":
        file.write_bytes(file.read_bytes().replace(b"counter", b"counted"))
    else:
        elsewhere = ShopFolder(desk.seat.folder.path / "elsewhere")
        Records(elsewhere, make_device(), clock=utc_now).update(lambda record: record)
        file.write_bytes((elsewhere.path / name).read_bytes())

    refused = desk.decide()
    assert (refused.allowed, refused.code, refused.go_online) == (False, "state_missing", True)
    assert desk.leases.refresh(desk.client, desk.held) is None
    assert desk.decide().allowed
    assert desk.shop.leases.asked[-1]["counter"] == 0
    [row] = desk.shop.leases.rows.values()
    assert row.epoch == 1


def test_all_of_the_record_deleted_asks_to_go_online_once(desk: Desk) -> None:
    desk.renew()
    for file in desk.seat.folder.path.glob("record*"):
        file.unlink()

    assert desk.decide().go_online
    assert not desk.decide().allowed
    desk.renew()
    assert desk.decide().allowed


def test_a_copied_device_is_seen_by_its_counters(desk: Desk) -> None:
    # Given a whole folder put back, which this device cannot see: the shop does.
    desk.renew()
    folder = desk.seat.folder.path
    copy = {f: f.read_bytes() for f in folder.glob("record*")}
    desk.renew()
    desk.renew()
    for file, data in copy.items():
        file.write_bytes(data)

    assert desk.decide().allowed
    desk.renew()
    assert desk.shop.leases.forked == [desk.seat.device.thumbprint]
    assert desk.decide().allowed  # a note, never a lock-out


# Windows, plays and ends -----------------------------------------------------


def test_the_window_from_the_first_play_holds_over_restarts(desk: Desk) -> None:
    desk.renew()
    desk.later = 10 * HOURS
    desk.play()

    desk.later = 57 * HOURS
    assert desk.decide().allowed
    assert not desk.decide().begins_window
    desk.play()
    desk.later = 59 * HOURS
    assert desk.decide().code == "window_over"
    assert "rent it again" in desk.decide().message


def test_the_window_that_another_device_began_counts_here(desk: Desk) -> None:
    desk.shop.leases.changes = {"first_play": utc_now() - 47 * HOURS}
    desk.renew()

    assert desk.decide().allowed
    desk.later = 2 * HOURS
    assert desk.decide().code == "window_over"


def test_plays_are_used_up_and_more_are_refused(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(window=None, plays=2)
    desk.renew()
    last = [desk.play(), desk.play()][-1]

    assert desk.decide().code == "plays_used_up"
    assert code_of_new_play(desk) == "plays_used_up"
    last.check()  # what has begun is played to its end
    desk.renew()
    assert desk.decide().code == "plays_used_up"


def code_of_new_play(desk: Desk) -> str:
    leases = desk.leases
    # A permit of a moment ago, when there were plays left: it is decided once more.
    return code(Permit(leases, desk.held, Decision(allowed=True), client=None))


def test_two_players_at_once_do_not_share_the_last_play(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(window=None, plays=1)
    desk.renew()
    permits = [desk.permit() for _ in range(6)]
    won: list[Permit] = []

    def begin(permit: Permit) -> None:
        try:
            permit.check()
        except LicenceRefusedError:
            return
        won.append(permit)

    threads = [threading.Thread(target=begin, args=(permit,)) for permit in permits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(won) == 1


def test_a_play_shorter_than_the_grace_counts_nothing(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(plays=1, play_start_grace=120)
    desk.renew()
    permit = desk.play()
    desk.timer = 119
    permit.end()
    permit.end()

    assert desk.decide().plays_left == 1
    assert desk.decide().begins_window
    longer = desk.play()
    desk.timer += 121
    longer.end()
    assert desk.decide().code == "plays_used_up"


def test_killed_between_recording_and_playing_costs_that_play_alone(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(plays=3, play_start_grace=120)
    desk.renew()
    desk.play()  # recorded, and the process is gone without an end

    assert desk.decide().plays_left == 2
    assert desk.decide().allowed
    assert not desk.decide().begins_window


def test_a_hard_end_stops_with_a_sentence(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(window=2 * HOUR)
    desk.renew()
    permit = desk.play()
    assert permit.stops is not None
    assert abs(permit.stops - utc_now() - 2 * HOURS) < timedelta(minutes=1)

    desk.timer = 2 * HOUR - 5
    permit.check()
    desk.timer = 2 * HOUR + 5
    with pytest.raises(LicenceRefusedError, match="has run out") as caught:
        permit.check()
    assert caught.value.code == "window_over"


def test_a_soft_end_lets_a_play_go_on_for_the_cap_and_begins_none(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(window=2 * HOUR, soft_end=True, hard_cap=HOUR)
    desk.renew()
    permit = desk.play()

    desk.later = timedelta(minutes=150)
    desk.timer = 150 * 60
    permit.check()
    assert desk.decide().code == "window_over"
    desk.later, desk.timer = timedelta(minutes=181), 181 * 60
    assert code(permit) == "window_over"


def test_a_lease_renewed_meanwhile_lets_the_play_go_on(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(window=None)
    desk.renew()
    permit = desk.play()
    # Another process renews: 97 hours on, the lease of the beginning would be over.
    desk.later, desk.timer = 97 * HOURS, 97 * HOUR
    desk.shop.leases.changes = {"now": utc_now() + 96 * HOURS, "expires": utc_now() + 168 * HOURS}
    desk.renew()

    permit.check()
    assert permit.stops is not None
    assert permit.stops > utc_now() + 160 * HOURS


def test_a_long_play_renews_by_itself(desk: Desk) -> None:
    leases = desk.renew()
    permit = desk.permit(client=desk.client, leases=leases)
    permit.check()
    licence = desk.held.claims.licence_id
    wait_for(lambda: leases.records.read().licences[licence].counter == 2)  # told at once
    assert desk.shop.leases.asked[1]["first_play"] is not None

    desk.later, desk.timer = 37 * HOURS, 37 * HOUR
    permit.check()
    wait_for(lambda: leases.records.read().licences[licence].counter == 3)


def test_the_clock_is_looked_at_while_playing(desk: Desk) -> None:
    leases = desk.renew()
    permit = desk.play()
    before = leases.records.read().high_water
    assert before is not None
    desk.timer = 59
    permit.check()
    assert leases.records.read().high_water == before
    desk.timer = 300
    permit.check()

    water = leases.records.read().high_water
    assert water is not None
    assert water - before >= timedelta(seconds=299)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_lease_is_dropped_with_its_package(desk: Desk) -> None:
    desk.renew()

    desk.leases.drop(desk.package.id)
    desk.leases.drop(desk.package.id)

    assert desk.decide().code == "lease_missing"
    assert not desk.leases.records.read().lost
