"""A seller at a browser: a large file over a bad line, a server that dies, a reload."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.browser import open_browser
from tests.e2e.house import House, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PASSWORD = "correct horse battery staple"
MIB = 1024**2
MAKE_SELLER = f"""
from allauth.account.models import EmailAddress
from marketplace.accounts.models import Seller, User
user = User.objects.create_user("seller@example.org", "{PASSWORD}")
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
Seller.objects.create(user=user, name="달빛 스튜디오", slug="moonlight")
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "house")
    house.prepare()
    house.python(MAKE_SELLER)
    house.start("web", "worker")
    yield house
    house.stop()


@pytest.fixture
def page(tmp_path: Path, house: House) -> Iterator[Page]:
    with open_browser(tmp_path / "profile") as context:
        page = context.pages[0]
        page.goto(f"{house.url}/accounts/login/")
        page.get_by_label("Email").fill("seller@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("main").get_by_role("button", name="Log in").click()
        page.goto(f"{house.url}/studio/new/")
        page.get_by_label("Title").fill("여름 바다")
        page.get_by_label("Category").select_option(index=1)
        page.locator("#id_price").fill("9,900")
        page.get_by_role("button", name="Save and add files").click()
        expect(page.get_by_role("heading", name="Files")).to_be_visible()
        yield page


def _slow_line(page: Page, bytes_a_second: int) -> None:
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 5,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_a_second,
        },
    )


def _on_the_server(house: House) -> dict[str, list[object]]:
    """Of each upload: bytes on the disk, and whether it is complete."""
    out = house.python(
        "import json\n"
        "from marketplace.packaging.models import Upload\n"
        "from marketplace.packaging.uploads import offset_of\n"
        "print(json.dumps({u.name: [offset_of(u), u.completed_at is not None]"
        " for u in Upload.objects.all()}))"
    )
    result: dict[str, list[object]] = json.loads(out.splitlines()[-1])
    return result


def _some_of(house: House, name: str, least: int) -> int:
    """Wait until `least` bytes of the file have come; return how many had."""

    def there() -> int:
        offset = _on_the_server(house).get(name, [0])[0]
        assert isinstance(offset, int)
        return offset if offset >= least else 0

    return int(wait_until(there, what=f"{name} is on its way"))


def test_a_large_file_survives_a_killed_server_and_a_reload(
    house: House, page: Page, tmp_path: Path
) -> None:
    film = tmp_path / "바다's “film”.mp4"
    content = b"\x00\x00\x00\x20ftypisom" + os.urandom(240 * MIB)
    film.write_bytes(content)
    song = tmp_path / "song.flac"
    song.write_bytes(b"fLaC" + os.urandom(MIB))
    name = "바다's “film”.mp4"
    _slow_line(page, 12 * MIB)

    # The server is killed in the middle, and is back: the upload goes on by itself.
    page.locator("#file-input").set_input_files([film, song])
    _some_of(house, name, 20 * MIB)
    house.stop("web", kill=True)
    expect(page.get_by_text("Trying again…")).to_be_visible()
    before = _some_of(house, name, 1)
    house.start("web")
    after_kill = _some_of(house, name, before + 5 * MIB)

    # The page is reloaded: the same file goes on where it was, when it is chosen again.
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.get_by_text("Not complete: choose the file again to go on")).to_be_visible()
    _slow_line(page, -1)
    page.locator("#file-input").set_input_files([film])
    expect(page.get_by_text("Plays here")).to_have_count(2, timeout=60_000)

    state = _on_the_server(house)
    assert before < after_kill < len(content)
    assert state == {name: [len(content), True], "song.flac": [MIB + 4, True]}
    [path] = [p for p in (house.data / "uploads").rglob("*") if p.stat().st_size == len(content)]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == hashlib.sha256(content).hexdigest()


def test_files_are_chosen_ordered_refused_and_published(
    house: House, page: Page, tmp_path: Path
) -> None:
    for name, data in [
        ("a.flac", b"fLaC" + os.urandom(MIB)),
        ("b.zip", b"PK\x03\x04" + os.urandom(MIB)),
        ("empty.mp3", b""),
    ]:
        (tmp_path / name).write_bytes(data)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    page.locator("#file-input").set_input_files(
        [tmp_path / name for name in ("a.flac", "b.zip", "empty.mp3")]
    )
    expect(page.get_by_text("This file is empty. Choose it again.", exact=True)).to_be_visible()
    expect(page.locator(".file-row")).to_have_count(2)
    page.get_by_role("button", name="Remove empty.mp3").click()
    expect(page.locator(".upload")).to_have_count(0)
    page.get_by_role("button", name="Move b.zip up").press("Enter")
    expect(page.locator(".file-row__name")).to_have_text(["b.zip", "a.flac"])

    # On a phone nothing sticks out.
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.set_viewport_size({"width": 1280, "height": 900})

    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("There is no player here for b.zip.")).to_be_visible()
    page.get_by_label("Play and save").check()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("On sale.", exact=True)).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="See the listing as buyers do").click()

    expect(page.get_by_role("heading", name="여름 바다")).to_be_visible()
    assert errors == []
    assert [p for p in (house.data / "uploads").rglob("*") if p.is_file()] == []


def test_a_list_that_comes_meanwhile_undoes_no_move(page: Page, tmp_path: Path) -> None:
    for name in ("a.flac", "b.flac", "c.flac"):
        (tmp_path / name).write_bytes(b"fLaC" + os.urandom(MIB))
    names, uploads = page.locator(".file-row__name"), page.locator(".upload")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.locator("#file-input").set_input_files([tmp_path / "a.flac"])
    expect(names).to_have_text(["a.flac"])
    page.locator("#file-input").set_input_files([tmp_path / "b.flac"])
    expect(names).to_have_text(["a.flac", "b.flac"])
    expect(uploads).to_have_count(0)
    held: list[Route] = []
    page.route("**/move/", lambda route: held.append(route))

    # A file arrives, and the list is wanted anew, while the move is still on its way.
    page.get_by_role("button", name="Move b.flac up").press("Enter")
    page.locator("#file-input").set_input_files([tmp_path / "c.flac"])
    expect(uploads).to_have_count(0)
    page.wait_for_timeout(500)
    [move] = held
    move.continue_()

    expect(names).to_have_text(["b.flac", "a.flac", "c.flac"])
    assert errors == []


def test_publishing_waits_for_the_files(house: House, page: Page, tmp_path: Path) -> None:
    names = ["a.zip", "b.zip", "c.zip"]
    for name in names:
        (tmp_path / name).write_bytes(b"PK\x03\x04" + os.urandom(6 * MIB))
    page.get_by_label("Play and save").check()
    _slow_line(page, 2 * MIB)

    # Two are on their way, the third waits: the server does not know of it yet.
    page.locator("#file-input").set_input_files([tmp_path / name for name in names])
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Your files are still on their way.")).to_be_visible()
    page.get_by_role("button", name="Pause").first.click()
    page.get_by_role("button", name="Publish").click()
    expect(page.locator(".upload")).to_have_count(3)
    _slow_line(page, -1)
    page.get_by_role("button", name="Resume").first.click()
    expect(page.locator(".upload")).to_have_count(0, timeout=30_000)
    expect(page.get_by_text("Your files are still on their way.")).to_be_hidden()
    page.get_by_role("button", name="Publish").click()

    expect(page.get_by_text("On sale.", exact=True)).to_be_visible(timeout=30_000)
    expect(page.locator(".file-row__name")).to_have_text(names)


def test_live_progress_comes_without_asking(house: House, page: Page, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with film.open("wb") as file:
        file.write(b"\x00\x00\x00\x20ftypisom")
        file.truncate(600 * MIB)
    page.locator("#file-input").set_input_files([film])
    expect(page.get_by_text("Plays here")).to_be_visible(timeout=60_000)
    house.stop("worker")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Waiting for the shop to begin")).to_be_visible()
    # The fallback falls silent, so what moves the bar is the WebSocket.
    page.route("**/progress/", lambda route: route.abort())
    page.evaluate(
        "window.seen = []; document.addEventListener('geobuk:sealing.progress',"
        " (event) => window.seen.push(event.detail))"
    )

    house.start("worker")
    wait_until(
        lambda: page.evaluate("window.seen.some((e) => e.stage === 'on_sale')"),
        what="the page hears that it is on sale",
    )

    seen = page.evaluate("window.seen")
    done = [event["done"] for event in seen if event["stage"] == "sealing"]
    assert len(done) >= 2
    assert done == sorted(done)
    assert {event["total"] for event in seen} == {600 * MIB}
