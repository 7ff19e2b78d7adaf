"""The whole trade on real parts: list, pay, fetch from the origin, fetch from a buyer, play, refund."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from marketplace.sandbox import demo_media
from tests.e2e import steps
from tests.e2e.browser import open_browser
from tests.e2e.house import House, Seeder, open_house, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of the demo's film, named as macOS would send it (NFD)."""
    folder = tmp_path_factory.mktemp("film")
    path = folder / "거북의 바다.mp4"
    demo_media.make_film(path, seconds=6, say=lambda _: None)
    return path


@pytest.fixture(scope="module")
def cover(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cover") / "cover.png"
    demo_media.make_cover(path, top=(18, 118, 150), bottom=(4, 26, 58), motif="film")
    return path


@contextmanager
def _playing(seeder: Seeder, title: str) -> Iterator[dict[str, Any]]:
    player = seeder.start("play", title, "--no-browser", "--json")
    assert player.stdout is not None
    line = player.stdout.readline()
    opened = json.loads(line)
    assert "url" in opened, line
    try:
        yield opened
    finally:
        seeder.stop()


def _sha256_of(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        return hashlib.file_digest(answer, "sha256").hexdigest()


def _refusal(seeder: Seeder, title: str) -> dict[str, str]:
    done = seeder.run("play", title, "--no-browser", "--json")
    assert done.returncode == 1, done.stdout
    error = json.loads(done.stdout.strip().splitlines()[-1])["error"]
    assert isinstance(error, dict)
    return error


def test_the_whole_trade(house: House, film: Path, cover: Path, tmp_path: Path) -> None:
    title = "거북의 바다"
    wanted = hashlib.sha256(film.read_bytes()).hexdigest()
    first, second = Seeder(tmp_path / "pc-1"), Seeder(tmp_path / "pc-2")

    # A seller lists content.
    with open_browser(tmp_path / "seller") as browser:
        page = browser.pages[0]
        steps.sign_up(page, house, "seller@example.org")
        steps.become_seller(page, house, "바다 스튜디오")
        listing = steps.list_content(
            page, house, title=title, price="4900", currency="KRW", files=[film], cover=cover
        )
    assert [path for path in (house.data / "uploads").rglob("*") if path.is_file()] == []
    plaintext = film.read_bytes()[200_000:200_064]
    for path in house.data.rglob("*"):
        if path.is_file():
            assert plaintext not in path.read_bytes(), path

    # The first buyer pays, and fetches from the origin.
    with open_browser(tmp_path / "buyer-1") as browser:
        page = browser.pages[0]
        steps.sign_up(page, house, "Ada@example.org")
        steps.buy(page, house, listing)
        steps.log_in_device(page, house, first, name="Ada’s PC")
        page.goto(f"{house.url}/library/")
        running = first.start("run", "--json")
        # The open page shows it happen, without a reload.
        expect(page.get_by_text("Ada’s PC").first).to_be_visible()
    wait_until(lambda: _seeding(first), what="the first buyer seeds")

    # The origin stops; the second buyer fetches from the first.
    house.stop("origin")
    with open_browser(tmp_path / "buyer-2") as browser:
        page = browser.pages[0]
        steps.sign_up(page, house, "bob@example.org")
        steps.buy(page, house, listing)
        steps.log_in_device(page, house, second, name="Bob’s laptop")
        second.json("sync")
    assert running.poll() is None

    # Both play what the seller uploaded, also in a browser, which keeps nothing of it.
    with _playing(second, title) as opened:
        assert _sha256_of(opened["url"]) == wanted
        with open_browser(tmp_path / "player") as browser:
            page = browser.pages[0]
            page.goto(opened["page"])
            video = page.locator("video")
            video.evaluate("v => { v.muted = true; return v.play(); }")
            wait_until(lambda: video.evaluate("v => v.currentTime") > 0.5, what="the film plays")
        _assert_nowhere_in(tmp_path / "player", plaintext)
    first.stop()
    with _playing(first, title) as opened:
        assert _sha256_of(opened["url"]) == wanted

    # The second buyer's licence on the first buyer's machine opens nothing.
    _copy_licence(second, first)
    assert _refusal_offline(house, first, title)["code"] == "other_device"

    # After a refund the second buyer's machine refuses, and goes on refusing offline.
    with open_browser(tmp_path / "seller-2") as browser:
        page = browser.pages[0]
        steps.log_in(page, house, "seller@example.org")
        steps.refund_newest_sale(page, house)
    wait_until(lambda: _refusal(second, title)["code"] == "revoked", what="the refund has arrived")
    assert _refusal_offline(house, second, title)["code"] == "revoked"


def _seeding(seeder: Seeder) -> bool:
    status = seeder.run("status", "--json").stdout
    return '"seeding"' in status


def _assert_nowhere_in(folder: Path, plaintext: bytes) -> None:
    time.sleep(0.5)  # the browser has ended; let the disk settle
    for path in folder.rglob("*"):
        if path.is_file():
            assert plaintext not in path.read_bytes(), path


def _copy_licence(source: Seeder, target: Seeder) -> None:
    [found] = source.home.rglob("licences/*.jws")
    [place] = target.home.rglob("licences/*.jws")
    shutil.copyfile(found, place)


def _refusal_offline(house: House, seeder: Seeder, title: str) -> dict[str, str]:
    house.stop("web")
    try:
        return _refusal(seeder, title)
    finally:
        house.start("web")
