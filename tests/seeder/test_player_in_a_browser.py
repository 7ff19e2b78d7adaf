"""The page of a rental in a real browser: not begun by looking, and stopped when it is over."""

from __future__ import annotations

import io
import re
import wave
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from seeder.cli.seat import Seat
from seeder.config import utc_now
from seeder.web.plays import Plays
from seeder.web.server import PlayerServer
from tests.e2e.browser import open_browser
from tests.seeder.lease_desk import rental
from tests.seeder.shop import FakeShop
from tests.seeder.test_playback import Own, open_it

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def silence(seconds: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * 8000 * seconds)
    return file.getvalue()


def test_a_rental_begins_with_play_and_ends_with_a_sentence(
    seat: Seat, shop: FakeShop, own: Own, tmp_path: Path
) -> None:
    song = shop.add("Rented song", [("song.wav", "audio/wav", silence(600))])
    song.rights, song.kind = rental(window=7200), "rental"
    later = [timedelta(0)]
    opened = open_it(seat, shop, own(song), clock=lambda: utc_now() + later[0])

    def begun() -> bool:
        return opened.permit is not None and opened.permit.begun

    plays = Plays(clock=utc_now)
    token = plays.add(opened, shop_name="Test Shop")
    with PlayerServer(plays) as server, open_browser(tmp_path / "profile") as browser:
        page = browser.pages[0]
        complaints: list[str] = []
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_viewport_size({"width": 320, "height": 700})
        page.goto(server.page_url(token))
        terms = page.locator("#terms")
        expect(terms).to_contain_text("Not started: the first play begins your 2 hours.")
        assert not begun()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

        page.keyboard.press("k")
        expect(terms).to_have_text(re.compile(r"Plays until \d{4}-\d\d-\d\d"))
        assert begun()
        playing = "document.getElementById('media').paused === false"
        page.wait_for_function(playing)
        assert complaints == []

        # The next look finds it over: it is stopped, though the browser has bytes left.
        later[0] = timedelta(hours=3)
        page.evaluate("document.getElementById('media').currentTime = 1")
        expect(page.get_by_role("alert")).to_contain_text("has run out", timeout=15_000)
        page.wait_for_function(f"!({playing})")
