"""A purchase of which a newer version came out, in the library page."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client

from tests.marketplace.trade import FLAC, buy, make_person, sell, sell_next

pytestmark = pytest.mark.django_db
SECOND = FLAC + b"a second master"


def test_the_library_shows_the_newest_and_the_way_to_the_older(client: Client) -> None:
    ada, listing = make_person(), sell()
    first = listing.package_id
    buy(ada, listing)
    sell_next(listing, data=SECOND, notes="Louder, <b>at last</b>")
    client.force_login(ada)

    page = re.sub(r"\s+", " ", unescape(client.get("/library/").content.decode()))

    assert first is not None
    assert page.count('<h2 class="bought__title">') == 1
    assert "Version 2" in page
    assert "Louder, <b>at last</b>" in page  # unescaped by this test alone
    assert f"geobuk play {first[:12]}" in page


def test_who_bought_the_second_version_is_shown_no_first(client: Client) -> None:
    ada, listing = make_person(), sell()
    first = listing.package_id
    buy(ada, sell_next(listing, data=SECOND))
    client.force_login(ada)

    page = client.get("/library/").content.decode()

    assert first is not None
    assert first[:12] not in page
    assert "Version 1 stays yours" not in page
