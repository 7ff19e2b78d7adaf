"""The origin on real libtorrent sessions, announcing to the real tracker over HTTP."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connections
from django.utils import timezone
from pytest_django import Settings

from marketplace.catalog import services as catalog
from marketplace.catalog.models import Listing
from marketplace.distribution import origin as origin_module
from marketplace.distribution import services
from marketplace.distribution.models import OriginState
from marketplace.distribution.origin import Origin
from marketplace.distribution.origin_scrub import OriginScrub
from marketplace.distribution.queries import swarm_sizes
from marketplace.distribution.tracker import tracker
from marketplace.licensing import services as licensing
from marketplace.packaging import services as packaging
from seeder.session import Session, SessionSettings, TorrentState
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.distribution.announcing import Clock
from tests.marketplace.distribution.serving import serving
from tests.marketplace.trade import FLAC, buy, make_person, sell

pytestmark = [
    pytest.mark.swarm,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("socket_enabled"),
]

Open = Callable[[str], Session]


@pytest.fixture
def open_session(tmp_path: Path) -> Iterator[Open]:
    with contextlib.ExitStack() as stack:

        def opened(name: str) -> Session:
            fast = SessionSettings(tcp_only=True, status_seconds=0.1)
            return stack.enter_context(
                Session("127.0.0.1:0", tmp_path / f"{name}-state", settings=fast)
            )

        yield opened


@pytest.fixture
def tracker_url(settings: Settings) -> Iterator[str]:
    """The tracker behind uvicorn on a free port, as TRACKER_URL."""
    # Announce addresses are for open swarms.
    settings.CLOSED_SWARMS = False
    with serving(tracker) as port:
        settings.TRACKER_URL = f"http://127.0.0.1:{port}/announce"
        yield settings.TRACKER_URL


def _package(listing: Listing) -> str:
    assert listing.package_id is not None
    return listing.package_id


def _names(session: Session) -> set[str]:
    return {torrent.name for torrent in session.snapshot()}


def test_a_buyer_downloads_from_the_origin_by_way_of_the_tracker(
    open_session: Open, tracker_url: str, tmp_path: Path
) -> None:
    listing, ada = sell(), make_person()
    package = _package(listing)
    buy(ada, listing)
    device = FakeSeeder().log_in(ada)
    seed, leech = open_session("origin"), open_session("buyer")
    origin = Origin(seed)
    origin.step()

    torrent = services.torrent_for_device(user=ada, device=device, package_id=package)
    info = leech.add(torrent, tmp_path / "bought")
    leech.wait_for_state(info.info_hash, TorrentState.SEEDING, timeout=20)

    [sealed] = (tmp_path / "bought" / package).iterdir()
    assert sealed.read_bytes() == (tmp_path / "store" / package / "00000").read_bytes()
    assert FLAC not in sealed.read_bytes()
    deadline = time.monotonic() + 10
    while swarm_sizes([package])[package].seeds < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert swarm_sizes([package])[package].seeds == 2
    seed.wait_for(lambda torrents: torrents[0].uploaded > 0, timeout=10)
    origin.step()
    assert OriginState.objects.get().uploaded_bytes > 0


def test_it_seeds_what_is_on_sale_or_bought_and_drops_what_nobody_needs(
    open_session: Open,
) -> None:
    session = open_session("origin")
    origin = Origin(session)
    on_sale, bought = sell(), sell(title="낮의 노래")
    order = uuid.uuid4()
    buy(make_person(), bought, order_id=order)
    catalog.withdraw_listing(listing_id=bought.pk, seller=bought.seller)

    origin.step()
    with_both = _names(session)
    licensing.revoke(order_id=order, cause="refund:1", now=timezone.now())
    origin.step()

    assert with_both == {_package(on_sale), _package(bought)}
    assert _names(session) == {_package(on_sale)}
    assert {row.package_id for row in OriginState.objects.all()} == {_package(on_sale)}


def test_missing_files_are_told_once_and_looked_for_again(
    open_session: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session, clock = open_session("origin"), Clock()
    origin = Origin(session, clock=clock)
    package = _package(sell())
    file = tmp_path / "store" / package / "00000"
    away = file.rename(tmp_path / "away")

    origin.step()
    session.wait_for(lambda torrents: torrents[0].state is TorrentState.DOWNLOADING, timeout=10)
    origin.step()

    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "restore it from a backup" in errors[0]
    assert OriginState.objects.get().state == "downloading"
    away.rename(file)
    clock.now += 61
    origin.step()
    session.wait_for(lambda torrents: torrents[0].state is TorrentState.SEEDING, timeout=10)
    origin.step()
    assert OriginState.objects.get().state == "seeding"
    assert not packaging.is_mending(package)


def test_lost_files_come_back_from_a_buyer(
    open_session: Open, tracker_url: str, tmp_path: Path
) -> None:
    listing, ada = sell(), make_person()
    package = _package(listing)
    buy(ada, listing)
    store = tmp_path / "store" / package
    shutil.copytree(store, tmp_path / "bought" / package)
    sealed = (store / "00000").read_bytes()
    shutil.rmtree(tmp_path / "store")
    buyer, session = open_session("buyer"), open_session("origin")
    torrent = services.torrent_for_device(
        user=ada, device=FakeSeeder().log_in(ada), package_id=package
    )
    buyer.add(torrent, tmp_path / "bought", seed_mode=True)
    origin = Origin(session)

    origin.step()
    assert packaging.is_mending(package)
    session.wait_for(lambda torrents: torrents[0].state is TorrentState.SEEDING, timeout=20)
    origin.step()

    assert (store / "00000").read_bytes() == sealed
    assert not packaging.is_mending(package)
    assert OriginState.objects.get().state == "seeding"


@pytest.mark.parametrize("asked", [False, True], ids=["by the scrub", "by a buyer"])
def test_a_piece_that_rotted_is_found_and_comes_back_from_a_buyer(
    open_session: Open, tracker_url: str, tmp_path: Path, asked: bool
) -> None:
    listing, ada = sell(), make_person()
    package = _package(listing)
    buy(ada, listing)
    file = tmp_path / "store" / package / "00000"
    shutil.copytree(file.parent, tmp_path / "bought" / package)
    sealed, times = file.read_bytes(), file.stat()
    buyer, session, other = open_session("buyer"), open_session("origin"), open_session("other")
    torrent = services.torrent_for_device(
        user=ada, device=FakeSeeder().log_in(ada), package_id=package
    )
    origin = Origin(session)
    origin.step()
    session.wait_for(lambda torrents: torrents[0].state is TorrentState.SEEDING, timeout=10)
    file.write_bytes(sealed[:20] + b"rot" + sealed[23:])
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    if asked:
        origin._scrub = OriginScrub(other)  # one that has nothing to look at
        info = other.add(torrent, tmp_path / "other")
        other.connect_peer(info.info_hash, ("127.0.0.1", session.port))
    else:
        buyer.add(torrent, tmp_path / "bought", seed_mode=True)
    until = time.monotonic() + 40
    distrusted = False

    def wait(seconds: float) -> bool:
        nonlocal distrusted
        if packaging.is_mending(package) and not distrusted:
            distrusted = True
            buyer.add(torrent, tmp_path / "bought", seed_mode=True)
        healed = distrusted and not packaging.is_mending(package)
        return healed or time.monotonic() > until or threading.Event().wait(min(seconds, 0.1))

    origin.run(wait)

    assert distrusted
    assert file.read_bytes() == sealed
    assert OriginState.objects.get().state == "seeding"


def test_a_package_that_was_being_mended_is_not_believed_by_its_size(
    open_session: Open, tmp_path: Path
) -> None:
    package = _package(sell())
    file = tmp_path / "store" / package / "00000"
    file.write_bytes(bytes(file.stat().st_size))
    packaging.set_mending(package, mending=True)
    session = open_session("origin")

    Origin(session).step()

    session.wait_for(lambda torrents: torrents[0].state is TorrentState.DOWNLOADING, timeout=10)
    assert session.snapshot()[0].done == 0


def test_rows_are_written_only_when_something_changed(
    open_session: Open,
    django_assert_num_queries: Callable[..., contextlib.AbstractContextManager[object]],
) -> None:
    session = open_session("origin")
    origin = Origin(session)
    sell()
    origin.step()
    session.wait_for(lambda torrents: torrents[0].state is TorrentState.SEEDING, timeout=10)
    origin.step()
    written = OriginState.objects.get().updated_at

    with django_assert_num_queries(2):
        origin.step()

    assert OriginState.objects.get().updated_at == written


def test_a_database_that_is_away_for_a_while_ends_nothing(
    open_session: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = open_session("origin")
    package = _package(sell())
    answers: list[Exception | set[str]] = [OperationalError("gone"), {package}]

    def wanted() -> set[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(origin_module, "wanted_packages", wanted)
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return not answers

    Origin(session).run(wait)

    assert pauses == [0.0, 3.0, 1.0]
    assert _names(session) == {package}
    assert "seeding goes on" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_cleanly_when_told_to(tmp_path: Path, number: signal.Signals) -> None:
    database = connections["default"].settings_dict["NAME"]
    program = (
        "import django, sys; from django.conf import settings; django.setup();"
        "from pathlib import Path;"
        f"settings.DATABASES['default']['NAME'] = {str(database)!r};"
        f"settings.ORIGIN_DIR = Path({str(tmp_path / 'process')!r});"
        f"settings.STORE_DIR = Path({str(tmp_path / 'store')!r});"
        "settings.ORIGIN_LISTEN = '127.0.0.1:0';"
        "from django.core.management import call_command; call_command('origin')"
    )
    package = _package(sell())
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "marketplace.config.settings.test"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        if "seeding" in line:
            break

    process.send_signal(number)
    began = time.monotonic()
    rest = process.communicate(timeout=10)[1]

    assert process.returncode == 0, [*lines, rest]
    assert time.monotonic() - began < 5
    assert package[:12] in lines[-1]
    assert "The origin has stopped." in rest
