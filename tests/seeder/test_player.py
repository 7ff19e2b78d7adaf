from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from seeder.cli.seat import Seat
from seeder.config import utc_now
from seeder.playback import OpenedPackage, Opener
from seeder.web.files import kind_of
from seeder.web.plays import LIFETIME, Plays
from seeder.web.server import PlayerServer
from tests.seeder.conftest import SONG
from tests.seeder.shop import FakePackage, FakeShop
from tests.seeder.signed_words import hear
from tests.seeder.test_playback import Own, open_it

TITLE = '<script>alert("제목")</script>'


@dataclass
class Player:
    server: PlayerServer
    plays: Plays
    http: httpx.Client
    clock: list[datetime]

    def url(self, token: str, index: int, name: str = "x") -> str:
        return self.server.file_url(token, index, name)


@pytest.fixture
def player() -> Iterator[Player]:
    clock = [utc_now()]
    plays = Plays(clock=lambda: clock[0])
    with PlayerServer(plays) as server, httpx.Client() as http:
        yield Player(server, plays, http, clock)


@pytest.fixture
def opened(seat: Seat, shop: FakeShop, album: FakePackage, own: Own) -> OpenedPackage:
    return open_it(seat, shop, own(album))


@pytest.fixture
def token(player: Player, opened: OpenedPackage) -> str:
    return player.plays.add(opened, shop_name="Test Shop")


def test_the_whole_file(player: Player, token: str, opened: OpenedPackage) -> None:
    answer = player.http.get(player.url(token, 0, "01 파도.flac"))

    assert (answer.status_code, answer.content) == (200, SONG)
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(SONG))
    assert answer.headers["etag"] == f'"{opened.item.package[:32]}-0"'
    assert "filename*=UTF-8''01%20%ED%8C%8C%EB%8F%84.flac" in answer.headers["content-disposition"]


def test_head_says_the_same_and_sends_nothing(player: Player, token: str) -> None:
    url = player.url(token, 0)
    head, get = player.http.head(url, headers={"Range": "bytes=0-5"}), player.http.get(url)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=65470-65490", 65470, 65491),  # over the first segment's end
        ("bytes=131000-", 131000, len(SONG)),
        ("bytes=-10", len(SONG) - 10, len(SONG)),
        (f"bytes=5-{10**30}", 5, len(SONG)),
        ("bytes=65480-196559", 65480, 196560),  # exactly two segments
    ],
)
def test_one_range(player: Player, token: str, header: str, start: int, stop: int) -> None:
    answer = player.http.get(player.url(token, 0), headers={"Range": header})

    assert (answer.status_code, answer.content) == (206, SONG[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(SONG)}"
    assert answer.headers["content-length"] == str(stop - start)


def test_several_ranges_come_in_parts(player: Player, token: str) -> None:
    answer = player.http.get(
        player.url(token, 0), headers={"Range": "bytes=10-19, 200000-200004, -3"}
    )

    boundary = answer.headers["content-type"].removeprefix("multipart/byteranges; boundary=")
    parts = answer.content.split(f"--{boundary}".encode())
    assert (answer.status_code, parts[0], parts[-1]) == (206, b"", b"--\r\n")
    found = []
    for part in parts[1:-1]:
        head, _, body = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        assert b"Content-Type: audio/flac" in head
        found.append((head.rpartition(b"bytes ")[2].decode(), body.removesuffix(b"\r\n")))
    size = len(SONG)
    assert found == [
        (f"10-19/{size}", SONG[10:20]),
        (f"200000-200004/{size}", SONG[200000:200005]),
        (f"{size - 3}-{size - 1}/{size}", SONG[-3:]),
    ]
    assert answer.headers["content-length"] == str(len(answer.content))


def test_a_range_beyond_the_end(player: Player, token: str) -> None:
    answer = player.http.get(player.url(token, 0), headers={"Range": f"bytes={len(SONG)}-"})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(SONG)}"


def test_if_range(player: Player, token: str, opened: OpenedPackage) -> None:
    url, etag = player.url(token, 0), f'"{opened.item.package[:32]}-0"'

    same = player.http.get(url, headers={"Range": "bytes=0-4", "If-Range": etag})
    other = player.http.get(url, headers={"Range": "bytes=0-4", "If-Range": '"older"'})

    assert (same.status_code, same.content) == (206, SONG[:5])
    assert (other.status_code, other.content) == (200, SONG)


def test_many_readers_at_once(player: Player, token: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def read(start: int) -> bytes:
        header = {"Range": f"bytes={start}-{start + 70_000}"}
        return player.http.get(player.url(token, start % 2), headers=header).content

    with ThreadPoolExecutor(8) as pool:
        for start, data in zip(range(0, 160, 5), pool.map(read, range(0, 160, 5)), strict=True):
            plain = SONG[::-1] if start % 2 else SONG
            assert data == plain[start : start + 70_001]


# Guards ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "10.0.0.1:{port}"]
)
def test_another_host_is_refused(player: Player, token: str, host: str) -> None:
    answer = player.http.get(
        player.url(token, 0), headers={"Host": host.format(port=player.server.port)}
    )

    assert answer.status_code == 421
    assert SONG[:50] not in answer.content


def test_localhost_is_this_machine_too(player: Player, token: str) -> None:
    headers = {"Host": f"localhost:{player.server.port}"}
    assert player.http.get(player.url(token, 0), headers=headers).status_code == 200


@pytest.mark.parametrize("count", [0, 2])
def test_one_host_exactly(player: Player, token: str, count: int) -> None:
    path = player.url(token, 0).removeprefix(player.server.address)
    hosts = f"Host: 127.0.0.1:{player.server.port}\r\n" * count
    with socket.create_connection(("127.0.0.1", player.server.port)) as raw:
        raw.settimeout(5)
        raw.sendall(f"GET {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
        status = raw.recv(100).split(b" ")[1]

    assert status in {b"421", b"400"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", ""])
def test_another_origin_is_refused(player: Player, token: str, origin: str) -> None:
    answer = player.http.get(player.url(token, 0), headers={"Origin": origin})

    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("site", "status"),
    [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)],
)
def test_who_started_a_request(player: Player, token: str, site: str, status: int) -> None:
    answer = player.http.get(player.url(token, 0), headers={"Sec-Fetch-Site": site})

    assert answer.status_code == status


def test_its_own_origin_is_let_through_without_cors(player: Player, token: str) -> None:
    answer = player.http.get(player.url(token, 0), headers={"Origin": player.server.address})

    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_reading(player: Player, token: str, method: str) -> None:
    answer = player.http.request(method, player.url(token, 0))

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_token_opens_its_own_play_only(
    player: Player, token: str, seat: Seat, shop: FakeShop, film: FakePackage, own: Own
) -> None:
    other = player.plays.add(open_it(seat, shop, own(film)))

    assert player.http.get(player.url(other, 0)).content == film.plain[0]
    assert player.http.get(player.url(other, 1)).status_code == 404
    for wrong in ("", "x", token[:-1], token + "x", token.swapcase(), "%2e%2e"):
        assert player.http.get(f"{player.server.address}/p/{wrong}/0/x").status_code == 404
        assert player.http.get(f"{player.server.address}/p/{wrong}/").status_code == 404
    assert len(token) == 43


def test_a_play_ends(player: Player, token: str) -> None:
    player.clock[0] += LIFETIME - timedelta(seconds=1)
    assert player.http.get(player.url(token, 0)).status_code == 200

    player.clock[0] += timedelta(seconds=2)
    for path in ("", "state", "0/x"):
        answer = player.http.get(f"{player.server.page_url(token)}{path}")
        assert answer.status_code == 410
        assert "geobuk play" in answer.text


@pytest.mark.parametrize("path", ["p/{token}/", "p/{token}/0/x", "p/{token}/state", "static/player.js", "no", "p/{token}/99/x"])  # fmt: skip
def test_every_answer_carries_the_guards(player: Player, token: str, path: str) -> None:
    answer = player.http.get(f"{player.server.address}/{path.format(token=token)}")

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"].replace(
        "style-src 'unsafe-inline'", ""
    )
    assert "server" not in answer.headers


def test_it_listens_on_loopback_alone(player: Player) -> None:
    assert player.server.address.startswith("http://127.0.0.1:")
    assert player.server._socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"]
)
def test_no_way_out_of_the_static_folder(player: Player, path: str) -> None:
    with socket.create_connection(("127.0.0.1", player.server.port)) as raw:
        raw.settimeout(5)
        host = f"127.0.0.1:{player.server.port}"
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert raw.recv(100).split(b" ")[1] == b"404"


# Rights, refusals, changed bytes --------------------------------------------


def test_what_has_no_player_needs_the_right_to_save(
    player: Player, token: str, seat: Seat, shop: FakeShop, own: Own
) -> None:
    archive = own(shop.add("Archive", [("a.zip", "application/zip", SONG)], may_save=True))
    other = player.plays.add(open_it(seat, shop, archive))

    refused = player.http.get(player.url(token, 2))
    allowed = player.http.get(player.url(other, 0))

    assert (refused.status_code, "not part of what you have" in refused.text) == (403, True)
    assert (allowed.status_code, allowed.content) == (200, SONG)
    assert allowed.headers["content-disposition"].startswith("attachment")
    assert allowed.headers["content-type"] == "application/octet-stream"
    assert player.http.get(player.url(token, 0) + "?save=1").status_code == 403


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("video/mp4", "video"),
        ("audio/flac", "audio"),
        ("image/png", "image"),
        ("application/pdf", "pdf"),
        ("text/html", "other"),
        ("application/xhtml+xml", "other"),
        ("IMAGE/JPEG; x=y", "image"),
        ("", "other"),
    ],
)
def test_kinds(media_type: str, kind: str) -> None:
    assert kind_of(media_type) == kind


def test_a_page_among_the_files_is_never_a_page_here(
    player: Player, seat: Seat, shop: FakeShop, own: Own
) -> None:
    evil = b"<script>top.location='//evil'</script>"
    files = [("x.html", "text/html", evil), ("y.svg", "image/svg+xml", evil)]
    other = player.plays.add(open_it(seat, shop, own(shop.add("Evil", files, may_save=True))))

    page, picture = player.http.get(player.url(other, 0)), player.http.get(player.url(other, 1))

    assert page.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in page.headers["content-security-policy"]
    assert "sandbox" in picture.headers["content-security-policy"]


def spoil(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_changed_bytes_in_the_middle_end_the_answer_early(
    player: Player, seat: Seat, shop: FakeShop, film: FakePackage, own: Own
) -> None:
    opened = open_it(seat, shop, own(film))
    token = player.plays.add(opened)
    spoil(opened.path(0), 9 * 65536 + 100)
    plain, received = film.plain[0], bytearray()

    def read_all() -> None:
        with player.http.stream("GET", player.url(token, 0)) as answer:
            assert answer.headers["content-length"] == str(len(plain))
            for chunk in answer.iter_raw():
                received.extend(chunk)

    with pytest.raises(httpx.RemoteProtocolError):
        read_all()

    assert plain.startswith(bytes(received))
    assert len(received) <= 9 * 65520
    state = player.http.get(f"{player.server.page_url(token)}state").json()
    assert "changed bytes" in state["refusal"]
    assert "changed bytes" in player.http.get(player.server.page_url(token)).text


def test_changed_bytes_at_the_start_are_a_sentence(
    player: Player, seat: Seat, shop: FakeShop, film: FakePackage, own: Own
) -> None:
    opened = open_it(seat, shop, own(film))
    token = player.plays.add(opened)
    spoil(opened.path(0), 500)

    answer = player.http.get(player.url(token, 0))
    later = player.http.get(player.url(token, 0), headers={"Range": "bytes=65480-65489"})

    assert (answer.status_code, "changed bytes" in answer.text) == (409, True)
    assert later.content == film.plain[0][65480:65490]


def test_withdrawn_while_open(
    player: Player, token: str, seat: Seat, shop: FakeShop, album: FakePackage
) -> None:
    shop.refund(album, "The order was refunded.")
    hear(seat, shop.word_on(album), album)

    answer = player.http.get(player.url(token, 0))
    korean = player.http.get(
        f"{player.server.page_url(token)}state", headers={"Accept-Language": "ko"}
    )

    assert (answer.status_code, answer.text) == (409, "The order was refunded.")
    assert "취소" in korean.json()["refusal"]


def test_nothing_is_written_while_playing(
    player: Player, token: str, seat: Seat, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    player.http.get(player.url(token, 0))
    player.http.get(player.server.page_url(token))

    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or SONG[:64] not in path.read_bytes()


# The page -------------------------------------------------------------------


def test_the_page_lists_an_album_in_the_readers_language(player: Player, token: str) -> None:
    english = player.http.get(player.server.page_url(token))
    korean = player.http.get(
        player.server.page_url(token), headers={"Accept-Language": "ko-KR,ko;q=0.9"}
    )

    assert "<audio" in english.text
    assert "Checked before the first byte" in english.text
    assert (english.headers["content-language"], 'lang="en"' in english.text) == ("en", True)
    assert "재생하기 전에" in korean.text
    for name in ("01 파도.flac", "02 섬.flac", "빈 파일.txt"):
        assert name in english.text
    assert player.url(token, 0, "01 파도.flac") in english.text
    # What Jinja finds on a dict before the key of that name.
    assert "built-in" not in english.text


def test_the_page_of_another_file(player: Player, token: str) -> None:
    assert (
        player.url(token, 1, "02 섬.flac")
        in player.http.get(f"{player.server.page_url(token)}?file=2").text
    )
    for odd in ("0", "99", "-1", "x", "９"):
        assert player.http.get(f"{player.server.page_url(token)}?file={odd}").status_code == 200


def test_a_sellers_words_are_text(player: Player, seat: Seat, shop: FakeShop, own: Own) -> None:
    package = own(shop.add(TITLE, [('"><img src=x>.mp4', "video/mp4", SONG)]))
    token = player.plays.add(open_it(seat, shop, package), shop_name="<b>Shop</b>")

    html = player.http.get(player.server.page_url(token)).text

    assert "<script>alert" not in html
    assert "<img src=x>" not in html
    assert "<b>Shop" not in html
    # The policy forbids inline scripts and styles, so none may stand in the page.
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", html)


@pytest.mark.parametrize(
    ("media_type", "tag"),
    [
        ("video/mp4", "<video"),
        ("image/png", 'class="picture"'),
        ("application/pdf", "<iframe"),
        ("application/zip", "geobuk save"),
    ],
)
def test_each_kind_has_its_stage(
    player: Player, seat: Seat, shop: FakeShop, own: Own, media_type: str, tag: str
) -> None:
    package = own(shop.add("One", [("file", media_type, SONG)], may_save=True))
    token = player.plays.add(open_it(seat, shop, package))

    assert tag in player.http.get(player.server.page_url(token)).text


def test_a_play_offline_says_so(
    player: Player, opened: OpenedPackage, seat: Seat, album: FakePackage
) -> None:
    offline = Opener(seat.shop, seat.folder, seat.device, None, clock=utc_now).open(
        opened.item, content=opened.content, action="play"
    )

    page = player.http.get(player.server.page_url(player.plays.add(offline))).text

    assert "Opened offline" in page


def test_the_server_stops_with_its_block(opened: OpenedPackage) -> None:
    plays = Plays(clock=utc_now)
    with PlayerServer(plays) as server:
        url = server.file_url(plays.add(opened), 0, "x")
        assert httpx.get(url).status_code == 200

    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
