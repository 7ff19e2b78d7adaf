"""Real sessions deliver; what both sides counted and signed becomes what the shop pays on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from marketplace.distribution.labels import issue_label
from marketplace.distribution.models import Torrent
from marketplace.distribution.origin_claims import OriginClaims
from seeder.receipt_book import ReceiptBook
from seeder.session import Session, SessionSettings, TorrentState
from seeder.watching import Watch
from tests.marketplace.distribution.receipting import Crowd, Peer
from tests.marketplace.trade import FLAC

pytestmark = [pytest.mark.swarm, pytest.mark.django_db, pytest.mark.usefixtures("socket_enabled")]

RATE = 1_500_000


@contextmanager
def running(folder: Path, host: str, label: str) -> Iterator[Session]:
    settings = SessionSettings(
        tcp_only=True, status_seconds=0.1, outgoing=host, label=label, upload_rate=RATE
    )
    with Session(f"{host}:0", folder, settings=settings) as session:
        yield session


class Home:
    """A buyer's program: a session, and the book of what goes through it."""

    def __init__(self, peer: Peer, folder: Path, stack: ExitStack) -> None:
        self.peer = peer
        self.book = ReceiptBook(
            folder / "receipts.json", peer.seeder.identity, today=timezone.now().date()
        )
        self.session = stack.enter_context(running(folder / "state", peer.address, peer.label))
        self.folder = folder / "bought"
        self.watch = Watch(self.session, lambda looked: self.book.accounting.observe(*looked))
        self.watch.start()
        stack.callback(self.watch.stop)

    def fetches(self, metainfo: bytes, *sources: tuple[str, int]) -> None:
        info = self.session.add(metainfo, self.folder)
        for source in sources:
            self.session.connect_peer(info.info_hash, source)
        self.session.wait_for_state(info.info_hash, TorrentState.SEEDING, timeout=60)

    @property
    def place(self) -> tuple[str, int]:
        return self.peer.address, self.session.port

    def hands_in(self) -> None:
        while (document := self.book.next_document(now=timezone.now())) is not None:
            self.peer.hand_in(document)
            self.book.confirmed(now=timezone.now())


def settled(*homes: Home) -> None:
    """Until the last looks are taken: a second in which nothing is counted any more."""
    deadline = time.monotonic() + 20
    before, since = None, time.monotonic()
    while time.monotonic() - since < 1.0:
        now = [str(home.book.accounting.totals) for home in homes]
        if now != before:
            before, since = now, time.monotonic()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_a_buyer_got_from_another_and_from_the_origin(
    tmp_path: Path, settings: Settings
) -> None:
    settings.CLOSED_SWARMS = False
    crowd = Crowd(files={"song.flac": FLAC * 40})
    ada = crowd.joins("ada", address="127.0.1.5")
    ben = crowd.joins("ben", address="127.0.2.5")
    metainfo = bytes(Torrent.objects.get(package_id=crowd.package).metainfo)
    label = issue_label(device=None, now=timezone.now()).label
    with ExitStack() as stack:
        origin = stack.enter_context(running(tmp_path / "origin", "127.0.0.1", label))
        origin.add(metainfo, Path(settings.STORE_DIR), seed_mode=True)
        claims = stack.enter_context(OriginClaims(origin))
        bens, adas = (Home(peer, tmp_path / peer.label, stack) for peer in (ben, ada))

        bens.fetches(metainfo, ("127.0.0.1", origin.port))
        adas.fetches(metainfo, ("127.0.0.1", origin.port), bens.place)
        settled(bens, adas)
        claims.look()
        claims.write(now=timezone.now(), at_once=True)
    for home in (bens, adas):
        home.hands_in()

    got = crowd.deliveries(ada)
    assert crowd.deliveries(ben) == {None: crowd.size}
    assert set(got) == {None, ben.user.pk}
    # Each had about half a chance; what is asked of both at the end arrives once too often.
    assert min(got.values()) > crowd.size / 10
    assert crowd.size * 0.95 <= sum(got.values()) <= crowd.size
