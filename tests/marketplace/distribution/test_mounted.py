"""The tracker where it is mounted: the shop's whole ASGI application behind uvicorn."""

from __future__ import annotations

import http.client
import logging
from typing import Any

import pytest
from pytest_django import Settings

from marketplace.config.asgi import application
from marketplace.distribution import services
from seeder.bencode import bdecode
from seeder.torrents import read_metainfo
from tests.marketplace.distribution.announcing import query
from tests.marketplace.distribution.serving import serving
from tests.marketplace.trade import sell

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("socket_enabled"),
]


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_announces_and_scrapes_are_answered_and_their_tokens_stay_out_of_every_log(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CLOSED_SWARMS = False
    caplog.set_level(logging.DEBUG)
    listing = sell()
    assert listing.package_id is not None
    torrent = read_metainfo(services.torrent_for_origin(package_id=listing.package_id))
    assert torrent.announce is not None
    token, info_hash = torrent.announce.rpartition("/")[2], bytes.fromhex(torrent.info_hash)[:20]
    text = query(info_hash=info_hash).decode()
    stranger = "stranger".ljust(43, "_")

    with serving(application, log_level="debug", log_config=None) as port:
        status, announced = _get(port, f"/announce/{token}?{text}")
        _status, scraped = _get(port, f"/scrape/{token}")
        _status, refused = _get(port, f"/announce/{stranger}?{text}")
        _status, odd = _get(port, f"/announce/{token}?{text}&left=")
        not_found, _page = _get(port, "/no-such-page/")

    answer: Any = bdecode(announced)
    sizes: Any = bdecode(scraped)
    assert (status, answer[b"complete"], not_found) == (200, 1, 404)
    assert sizes[b"files"][info_hash][b"complete"] == 1
    assert b"failure reason" in refused
    assert b"failure reason" not in odd
    assert "/no-such-page/" in caplog.text
    assert not any(secret in caplog.text for secret in (token, stranger, "/announce", "/scrape"))
