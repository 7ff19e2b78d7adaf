from __future__ import annotations

import datetime as dt
import re
import uuid
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.accounts import services as accounts
from marketplace.accounts.models import Device, User
from marketplace.catalog import services as catalog
from marketplace.distribution import services as distribution
from marketplace.distribution.announce import parse_announce
from marketplace.distribution.models import Torrent
from marketplace.distribution.swarm import heard
from marketplace.distribution.types import Progress
from marketplace.library.shelf import shelf_of
from marketplace.licensing import services as licensing
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.distribution.announcing import query
from tests.marketplace.trade import buy, make_person, make_seller, sell

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_person("ada")


@pytest.fixture
def browser(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def _page(browser: Client, **headers: str) -> str:
    answer = browser.get("/library/", headers=headers)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def _report(
    user: User, package: str, *, age: int = 0, name: str = "desk", **changes: object
) -> Device:
    device = FakeSeeder(name).log_in(user)
    progress = Progress(package, **{"state": "downloading", "done": 45, "total": 100, **changes})  # type: ignore[arg-type]  # fields by name
    at = timezone.now() - dt.timedelta(seconds=age)
    assert distribution.record_progress(user=user, device=device, items=[progress], now=at) == 1
    return device


def test_a_stranger_is_asked_to_log_in(client: Client) -> None:
    answer = client.get("/library/")

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/library/")


def test_an_empty_library_says_what_to_do(browser: Client) -> None:
    page = _page(browser)

    assert "Nothing here yet" in page
    assert "Browse the shop" in page


def test_a_purchase_is_shown_with_the_next_step(ada: User, browser: Client) -> None:
    entitlement = buy(ada, sell())

    page = _page(browser)

    assert "밤의 노래" in page
    assert "달빛 스튜디오" in page
    assert "geobuk login http://127.0.0.1:8000" in page
    assert f"/orders/{entitlement.order_id}/" in page


def test_the_next_step_follows_the_devices(ada: User) -> None:
    package = buy(ada, sell()).package_id
    steps = [shelf_of(ada, now=timezone.now()).step]

    FakeSeeder().log_in(ada)
    steps.append(shelf_of(ada, now=timezone.now()).step)
    device = _report(ada, package)
    steps.append(shelf_of(ada, now=timezone.now()).step)
    later = timezone.now() + dt.timedelta(minutes=3)
    steps.append(shelf_of(ada, now=later).step)
    for left in ada.devices.all():
        accounts.remove_device(user=ada, device_id=left.pk, now=timezone.now())
    steps.append(shelf_of(ada, now=timezone.now()).step)

    assert device.user_id == ada.pk
    assert steps == ["login", "run", "play", "run", "login"]


def test_progress_is_shown_and_named_for_the_script(ada: User, browser: Client) -> None:
    package = buy(ada, sell()).package_id
    device = _report(ada, package, down_rate=2_500_000)

    page = _page(browser)

    assert f'data-copy-key="{device.pk}:{package}"' in page
    assert '<progress class="progress" value="45" max="100" aria-label="밤의 노래 on desk">' in page
    assert "45 %" in page
    assert "2.5 MB/s" in page
    assert 'geobuk play "밤의 노래"' in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "seeding", "done": 100}, "shared with other buyers"),
        ({"state": "seeding", "done": 100, "up_rate": 9000}, "giving 9.0 KB/s"),
        ({"state": "seeding", "done": 100, "age": 600}, "last seen 10 minutes ago"),
        ({"age": 600}, "45 %, last seen 10 minutes ago"),
        ({"state": "error"}, "“geobuk status” on this device says why"),
        ({"state": "paused"}, "Paused"),
        ({"state": "checking"}, "Checking"),
        ({"total": 0, "done": 0}, "0 %"),
    ],
    ids=str,
)
def test_every_state_has_its_words(
    ada: User, browser: Client, changes: dict[str, object], words: str
) -> None:
    _report(ada, buy(ada, sell()).package_id, **changes)  # type: ignore[arg-type]  # fields by name

    assert words in _page(browser)


def test_a_refund_is_a_sentence_and_ends_the_commands(ada: User, browser: Client) -> None:
    order = uuid.uuid4()
    listing = sell()
    package = buy(ada, listing, order_id=order).package_id
    _report(ada, package)
    licensing.revoke(order_id=order, cause="refund:1", now=timezone.now())

    page = _page(browser)

    assert "so this does not open any more. You can buy it again." in page
    assert "geobuk play" not in page
    assert "data-copy-key" not in page


def test_what_is_off_sale_stays_and_links_nowhere(ada: User, browser: Client) -> None:
    listing = sell()
    buy(ada, listing)
    catalog.withdraw_listing(listing_id=listing.pk, seller=listing.seller)

    page = _page(browser)

    assert "밤의 노래" in page
    assert f"/l/{listing.pk}" not in page


def test_saving_is_offered_where_it_is_allowed_and_playing_where_it_works(ada: User) -> None:
    seller = make_seller()
    buy(ada, sell(seller, title="Film", may_save=False))
    buy(ada, sell(seller, title="Tool", files={"tool.zip": b"PK\3\4" + b"x" * 90}, may_save=True))

    items = {item.purchase.title: item for item in shelf_of(ada, now=timezone.now()).items}

    assert (items["Film"].play, items["Film"].save) == ('geobuk play "Film"', "")
    assert (items["Tool"].play, items["Tool"].save) == ("", 'geobuk save "Tool" .')


@pytest.mark.parametrize("title", ['Say "hi"', "$(reboot)", "`x`", "50 % off!", "-rf", "it's"])
def test_a_title_that_a_shell_would_read_is_named_by_its_package(ada: User, title: str) -> None:
    package = buy(ada, sell(title=title)).package_id

    [item] = shelf_of(ada, now=timezone.now()).items

    assert item.play == f"geobuk play {package[:12]}"


def test_two_of_one_title_are_named_apart(ada: User) -> None:
    seller = make_seller()
    buy(ada, sell(seller))
    buy(ada, sell(seller))

    plays = {item.play for item in shelf_of(ada, now=timezone.now()).items}

    assert plays == {
        f"geobuk play {item.purchase.package_id[:12]}"
        for item in shelf_of(ada, now=timezone.now()).items
    }


def test_the_swarm_is_counted(ada: User, browser: Client) -> None:
    package = buy(ada, sell()).package_id
    swarm = bytes.fromhex(Torrent.objects.get(package_id=package).info_hash)[:20]
    for number, left in enumerate([0, 0, 5]):
        announce = parse_announce(query(left=left, peer_id=b"%020d" % number))
        heard(swarm, f"member {number}", announce, b"\x7f\0\0\1", now=0.0)

    page = _page(browser)

    assert "2 sources have all of it · 1 is fetching it" in page


def test_htmx_gets_the_list_alone(ada: User, browser: Client) -> None:
    buy(ada, sell())

    fragment = _page(browser, **{"HX-Request": "true"})

    assert "밤의 노래" in fragment
    assert "<html" not in fragment
    assert "HX-Request" in browser.get("/library/")["Vary"]


def test_another_sees_nothing_of_it(ada: User) -> None:
    buy(ada, sell())
    eve = Client()
    eve.force_login(make_person("eve"))

    assert "Nothing here yet" in _page(eve)


def test_titles_and_device_names_are_escaped(ada: User, browser: Client) -> None:
    package = buy(ada, sell(title="<script>x</script>")).package_id
    _report(ada, package, name="<img src=x>")

    html = browser.get("/library/").content.decode()

    assert "<script>x" not in html
    assert "<img src=x" not in html
    assert "style=" not in html


def test_the_number_of_queries_does_not_grow_with_the_library(
    ada: User, django_assert_max_num_queries: object
) -> None:
    seller = make_seller()
    for number in range(4):
        _report(ada, buy(ada, sell(seller, title=f"Song {number}")).package_id)

    with django_assert_max_num_queries(10):  # type: ignore[operator]  # a fixture of pytest-django
        shelf_of(ada, now=timezone.now())


def test_a_listing_page_learns_that_it_is_owned(ada: User, browser: Client) -> None:
    owned, other = sell(), sell(title="낮의 노래")
    buy(ada, owned)

    yes = browser.get(f"/library/owned/{owned.pk}/")
    no = browser.get(f"/library/owned/{other.pk}/")
    stranger = Client().get(f"/library/owned/{owned.pk}/")

    assert b"/library/" in yes.content
    assert (yes.status_code, no.status_code, stranger.status_code) == (200, 204, 204)
