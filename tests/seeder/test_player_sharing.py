"""The player page tells what the seeder sends meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from seeder.cli.seat import Seat
from seeder.config import Home, exclusive, utc_now, write_json
from seeder.web.plays import Plays
from seeder.web.server import PlayerServer
from seeder.web.sharing import sharing_record, tell_sharing_page
from seeder.web.texts import TEXTS
from tests.e2e.browser import open_browser
from tests.seeder.shop import FakePackage, FakeShop
from tests.seeder.test_playback import Own, open_it

ON: dict[str, Any] = {
    "now": "2026-11-25T12:00:00+09:00",
    "sharing": True,
    "up": 0,
    "reason": "open",
    "until": None,
    "sent": 1_200_000_000,
    "month_up": None,
    "up_rate": 0,
}
TODAY, LATER = "2026-11-25T18:00:00+09:00", "2026-12-01T00:00:00+09:00"


@dataclass
class Player:
    server: PlayerServer
    token: str
    told: list[dict[str, Any] | None] = field(default_factory=lambda: [None])

    @property
    def page(self) -> str:
        return self.server.page_url(self.token)

    def lines(self, **headers: str) -> Any:
        return httpx.get(f"{self.page}sharing", headers=headers).json()["lines"]


@pytest.fixture
def player(seat: Seat, shop: FakeShop, album: FakePackage, own: Own) -> Iterator[Player]:
    plays = Plays(clock=utc_now)
    told: list[dict[str, Any] | None] = [None]
    token = plays.add(open_it(seat, shop, own(album)), shop_name="Test Shop")
    with PlayerServer(plays, sharing=lambda: told[0]) as server:
        yield Player(server, token, told)


@pytest.mark.parametrize(
    ("record", "lines"),
    [
        (None, ["The seeder is not running: nothing is sent."]),
        ({}, ["The seeder is starting."]),
        (ON, ["Nothing is being sent just now.", "Sent this month: 1.2 GB."]),
        (
            ON | {"up_rate": 120_000, "up": 500_000, "until": TODAY, "month_up": 50_000_000_000},
            [
                "120 KB a second are being sent to other buyers.",
                "At most 500 KB a second may be sent. Until 18:00.",
                "Sent this month: 1.2 GB of 50.0 GB.",
            ],
        ),
        (
            ON | {"sharing": False, "reason": "off"},
            ["Sharing is off: nothing is sent.", "Sent this month: 1.2 GB."],
        ),
        (
            ON | {"sharing": False, "reason": "month", "until": LATER},
            [
                "This month's budget is used up: nothing is sent. Until 2026-12-01 00:00.",
                "Sent this month: 1.2 GB.",
            ],
        ),
        (
            ON | {"sharing": False, "reason": "schedule", "until": TODAY},
            [
                "Sharing is off by your schedule: nothing is sent. Until 18:00.",
                "Sent this month: 1.2 GB.",
            ],
        ),
    ],
)
def test_what_the_page_says(record: dict[str, Any] | None, lines: list[str]) -> None:
    assert tell_sharing_page(record, TEXTS["en"]) == lines
    assert len(tell_sharing_page(record, TEXTS["ko"])) == len(lines)


def test_the_page_and_its_question_say_the_same(player: Player) -> None:
    player.told[0] = ON | {"up_rate": 2_500_000}

    html = httpx.get(player.page).text

    assert player.lines() == [
        "2.5 MB a second are being sent to other buyers.",
        "Sent this month: 1.2 GB.",
    ]
    assert all(f"<li>{line}</li>" in html for line in player.lines())
    assert "2.5 MB를 보내고 있습니다" in player.lines(**{"Accept-Language": "ko"})[0]


def test_a_stranger_is_told_nothing(player: Player) -> None:
    answer = httpx.get(f"{player.server.address}/p/guessed/sharing")

    assert (answer.status_code, answer.json()) == (404, {"lines": []})


def test_the_record_is_that_of_whoever_runs_now(home: Home) -> None:
    now = utc_now()
    state = {
        "updated_at": now.isoformat(),
        "items": [{"up_rate": 5}, {"up_rate": 7}],
        "bandwidth": {"sharing": True},
    }
    write_json(home.state_file, state)

    stopped = sharing_record(home, now=now)
    with exclusive(home.lock_file):
        running = sharing_record(home, now=now)
        stale = sharing_record(home, now=now + timedelta(minutes=1))
        write_json(home.state_file, state | {"updated_at": "soon"})
        torn = sharing_record(home, now=now)

    assert stopped is None
    assert running == {"sharing": True, "up_rate": 12}
    assert stale == torn == {}


@pytest.mark.e2e
def test_the_page_follows_on_a_phone_in_the_dark(player: Player, tmp_path: Path) -> None:
    player.told[0] = ON | {"up_rate": 120_000, "up": 500_000, "until": TODAY}
    with open_browser(tmp_path / "profile") as browser:
        page = browser.pages[0]
        complaints: list[str] = []
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.set_viewport_size({"width": 320, "height": 700})
        page.emulate_media(color_scheme="dark")
        page.goto(player.page)
        sharing = page.get_by_role("region", name="Sharing from this machine")
        expect(sharing).to_contain_text("120 KB a second are being sent")

        player.told[0] = ON | {"sharing": False, "reason": "off"}
        expect(sharing).to_contain_text("Sharing is off: nothing is sent.")
        expect(sharing).not_to_contain_text("At most")

        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        sharing.scroll_into_view_if_needed()
        page.screenshot(path=tmp_path / "dark.png")
        assert complaints == []
