"""A device in closed swarms: it announces itself to the shop, dials whom the shop names, and
cuts whom the shop has put out.

    step() ──► label ──► certificates ──► announce what is due ──► dial, cut
                 └ a new one: torrents that run under the old one are taken out, to be added again

While the shop is away nothing is asked, and who is connected goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from seeder.alerts import PeerSnapshot, TorrentState
from seeder.certificates import Certificates
from seeder.cutting import Doorman
from seeder.errors import (
    SeederError,
    SessionError,
    ShopAnswerError,
    ShopError,
    ShopRefusedError,
    ShopUnreachableError,
    SwarmTimeoutError,
)
from seeder.session import Session, TorrentSnapshot
from seeder.swarm_calls import Attendance, Label, Met, Shop, SwarmView, announce, ask_label

__all__ = ["Swarming", "first_label"]

MOST_ITEMS = 500  # in one announce; the shop takes a thousand
AWAY_PAUSE = timedelta(seconds=15)  # after the shop could not be asked
NO_LABELS = frozenset({404, 409})  # a shop without closed swarms, or one that has had enough
NO_LABEL_PAUSE = timedelta(minutes=10)  # after such an answer
NEW_LABEL_EARLY = timedelta(days=1)  # before the old one ends
DIAL_PAUSE = timedelta(seconds=10)  # for who needs bytes and has nobody to get them from
CHECK_SECONDS = 0.3  # what an empty folder, or one that was left in order, takes to check
WATCH_PAUSE = timedelta(seconds=10)  # between two looks at who is connected


@dataclass(slots=True)
class _Presence:
    """One torrent as the shop was told of it last."""

    info_hash: str
    left: int
    due: datetime
    event: str = "started"  # to be told next
    told: bool = False
    peers: tuple[Met, ...] = ()
    dial_at: datetime | None = None
    doorman: Doorman = field(default_factory=Doorman)
    kept_out: frozenset[str] = frozenset()


class Swarming:
    """Keeps `session` in the closed swarms of its torrents. Called by one thread.

    `label` is the one that the session was opened under, None where the shop gave none.
    With `sharing` off, what is complete is not announced. Its end leaves all swarms.
    """

    def __init__(
        self,
        shop: Shop,
        session: Session,
        *,
        label: Label | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._shop = shop
        self._session = session
        self._clock = clock
        self._label = label
        self._certificates = Certificates(shop, session, clock=clock)
        self._present: dict[str, _Presence] = {}
        self._leaving: dict[str, Attendance] = {}
        self._ask_at = self._label_at = self._watch_at = clock()
        self._refusals: dict[str, str] = {}
        self._outdated: set[str] = set()
        self._seen: set[str] = set()  # info-hashes
        self.sharing = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def step(self) -> None:
        """Do what is to be done now. Raises ShopError, after which it waits by itself."""
        torrents = self._torrents()
        self._look_at(torrents)
        try:
            if torrents or self._leaving:
                self._ask_shop(torrents)
        finally:
            # Also while the shop is away.
            self._see_to_peers(torrents)

    def _torrents(self) -> list[TorrentSnapshot]:
        """Those of closed swarms; what is new is looked at in a moment, not at the next step."""
        found = [torrent for torrent in self._session.snapshot() if torrent.closed]
        new = {torrent.info_hash for torrent in found} - self._seen
        self._seen = {torrent.info_hash for torrent in found}
        if new:
            with suppress(SwarmTimeoutError):
                self._session.wait_for(
                    lambda all_: all(
                        torrent.state is not TorrentState.CHECKING
                        for torrent in all_
                        if torrent.info_hash in new
                    ),
                    timeout=CHECK_SECONDS,
                )
            found = [torrent for torrent in self._session.snapshot() if torrent.closed]
        return found

    def note(self, package: str) -> str:
        """Why a package is not shared, in the shop's words; "" where it is."""
        return self._refusals.get(package) or self._certificates.notes.get(package, "")

    def take_outdated(self) -> frozenset[str]:
        """The packages whose torrent the shop has replaced, once."""
        taken, self._outdated = frozenset(self._outdated), set()
        return taken

    def hurry(self, package: str) -> None:
        """Announce a package soon: the shop says that its swarm has changed."""
        self._certificates.hurry(package)
        if (presence := self._present.get(package)) is not None:
            presence.due = self._clock()

    def stop(self) -> None:
        """Leave all swarms, if the shop was there a moment ago; errors are of no interest."""
        if self._clock() < self._ask_at:
            return
        self._leave_all(self._clock())

    # The shop -------------------------------------------------------------

    def _ask_shop(self, torrents: Sequence[TorrentSnapshot]) -> None:
        now = self._clock()
        if now < self._ask_at:
            return
        try:
            self._take_label(torrents, now)
            if self._label is None:
                return
            label = self._label.text
            self._certificates.step([one for one in torrents if one.label == label])
            self._tell(now)
        except ShopError:
            self._ask_at = self._clock() + AWAY_PAUSE
            raise

    def _take_label(self, torrents: Sequence[TorrentSnapshot], now: datetime) -> None:
        """See to it that there is a label that counts, and that every torrent runs under it."""
        ends = self._label is not None and now >= self._label.expires_at - NEW_LABEL_EARLY
        if (self._label is None or ends) and now >= self._label_at:
            try:
                label = ask_label(self._shop)
            except ShopRefusedError as error:
                if error.status not in NO_LABELS:
                    raise
                self._label_at = now + NO_LABEL_PAUSE  # an old one goes on while it counts
                return
            self._leave_all(now)
            self._label = label
            self._session.relabel(label.text)
        if self._label is not None:
            for torrent in torrents:
                if torrent.label != self._label.text:
                    # A peer id is for life: added again, it runs under the new one.
                    with suppress(SessionError):
                        self._session.remove(torrent.info_hash, remember=True)

    def _look_at(self, torrents: Sequence[TorrentSnapshot]) -> None:
        """Note what has changed since the shop was told last."""
        now = self._clock()
        here: set[str] = set()
        label = None if self._label is None else self._label.text
        for torrent in torrents:
            if torrent.label != label or not self._takes_part(torrent):
                continue
            here.add(torrent.name)
            left = torrent.total - torrent.done
            presence = self._present.get(torrent.name)
            if presence is None or presence.info_hash != torrent.info_hash:
                self._leaving.pop(torrent.name, None)
                self._present[torrent.name] = _Presence(torrent.info_hash, left, now)
            elif presence.told and presence.left > 0 == left:
                presence.event, presence.due = "completed", now
            self._present[torrent.name].left = left
        for package in self._present.keys() - here:
            self._leave(package)

    def _takes_part(self, torrent: TorrentSnapshot) -> bool:
        if torrent.state is TorrentState.SEEDING:
            return self.sharing
        known = self._present.get(torrent.name)
        return torrent.state is TorrentState.DOWNLOADING or (
            torrent.state is TorrentState.CHECKING and known is not None and known.left > 0
        )

    def _leave(self, package: str) -> None:
        presence = self._present.pop(package)
        if presence.told:
            self._leaving[package] = Attendance(
                package, presence.left, "stopped", presence.info_hash
            )

    def _leave_all(self, now: datetime) -> None:
        """Take the present label out of every swarm; what cannot be told now ends by time."""
        for package in tuple(self._present):
            self._leave(package)
        with suppress(SeederError):
            self._tell(now)
        self._leaving.clear()

    def _tell(self, now: datetime) -> None:
        due = {package: one for package, one in self._present.items() if one.due <= now}
        # Apart, since who still looks for a seed is asked back sooner than all others.
        for wanted in (True, False):
            items = [
                Attendance(package, one.left, one.event, one.info_hash)
                for package, one in due.items()
                if (one.left > 0) is wanted
            ]
            if not wanted:
                items += self._leaving.values()
            for at in range(0, len(items), MOST_ITEMS):
                self._tell_some(items[at : at + MOST_ITEMS], now)

    def _tell_some(self, items: Sequence[Attendance], now: datetime) -> None:
        if self._label is None:
            return
        try:
            answer = announce(
                self._shop, label=self._label.text, port=self._session.tls_port, items=items
            )
        except ShopRefusedError as error:
            if error.code == "label_ended":
                self._label, self._label_at = None, now
            raise
        again = now + timedelta(seconds=answer.interval)
        refused = {item.package: item for item in answer.refused}
        for item in items:
            self._leaving.pop(item.package, None)
            self._refusals.pop(item.package, None)
            if (presence := self._present.get(item.package)) is not None:
                presence.due, presence.told, presence.event = again, True, ""
            if (no := refused.get(item.package)) is not None and item.event != "stopped":
                self._refusals[item.package] = no.message
                if no.code == "torrent_changed":
                    self._outdated.add(item.package)
        for view in answer.swarms:
            self._hear(view, now)

    def _hear(self, view: SwarmView, now: datetime) -> None:
        presence = self._present.get(view.package)
        if presence is not None:
            presence.doorman.told(view.peers, view.gone, now=now)
            presence.peers, presence.dial_at = view.peers, now

    # The peers ------------------------------------------------------------

    def _see_to_peers(self, torrents: Sequence[TorrentSnapshot]) -> None:
        now = self._clock()
        lonely = {t.info_hash for t in torrents if t.peers == 0}
        dialling = {
            package: one
            for package, one in self._present.items()
            if one.dial_at is not None and one.dial_at <= now
        }
        watched = {p: one for p, one in self._present.items() if one.doorman.alert}
        if now >= self._watch_at:
            self._watch_at = now + WATCH_PAUSE
            watched = dict(self._present)
        if not dialling and not watched:
            return
        connected: dict[str, list[PeerSnapshot]] = {}
        for peer in self._session.peers():
            connected.setdefault(peer.info_hash, []).append(peer)
        for one in {**dialling, **watched}.values():
            # What was taken out meanwhile has nobody to dial or cut.
            with suppress(SessionError):
                self._guard(one, connected.get(one.info_hash, ()), now)
        for one in dialling.values():
            with suppress(SessionError):
                self._dial(one, connected.get(one.info_hash, ()))
            again = one.left > 0 and one.info_hash in lonely and one.peers
            one.dial_at = now + DIAL_PAUSE if again else None

    def _guard(self, one: _Presence, connected: Sequence[PeerSnapshot], now: datetime) -> None:
        verdict = one.doorman.judge(connected, now=now)
        if verdict.cut_once:
            self._session.cut(one.info_hash, verdict.kept_out | verdict.cut_once)
        if verdict.cut_once or verdict.kept_out != one.kept_out:
            self._session.cut(one.info_hash, verdict.kept_out)
            one.kept_out = verdict.kept_out
            if verdict.cut_once:
                one.dial_at = now  # those who are allowed there come back

    def _dial(self, one: _Presence, connected: Sequence[PeerSnapshot]) -> None:
        labels = {peer.label for peer in connected}
        for peer in one.peers:
            if peer.label not in labels and peer.label != self._session.label:
                self._session.connect_peer(one.info_hash, (peer.host, peer.port))


def first_label(shop: Shop) -> Label | None:
    """The label to open a session under; None where the shop gives none just now.

    Raises what ends all work with the shop: NotLoggedInError and its kin.
    """
    try:
        return ask_label(shop)
    except (ShopUnreachableError, ShopRefusedError, ShopAnswerError):
        return None
