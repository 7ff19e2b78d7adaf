"""Holds a session to its owner's limits, from its first moment to its last.

    preferences.json ──► plan ──► rates, sharing, router ──► session
    session's traffic ──► this month's count ──┘
                                └──► pauses what may not be shared, or not be fetched

A thread of its own looks each second, so a change of the file, of the hour or of the month is
followed at once by every command that has a session, and no part of the program has to
remember to ask. Where the limits cannot be read, nothing is sent.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from seeder.alerts import TorrentState
from seeder.bandwidth import Allowance, Preferences, Reason, Used, brake, month_of, plan
from seeder.config import Home
from seeder.errors import DamagedFileError, SessionClosedError, UnknownTorrentError
from seeder.preferences import load_preferences, preferences_file, signature
from seeder.schedule import MOST, UNLIMITED, stricter
from seeder.session import Session, TorrentSnapshot
from seeder.usage import Meter, UsageFile

__all__ = ["Governor", "Most", "allowance_record", "held_note"]

LOOK_SECONDS: Final = 1.0
SAVE_EVERY: Final = 2  # looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """What one command was told to take at most, whatever the preferences allow: bytes a
    second, 0 for no limit. `router` and `open_swarms` say what this session may do at all."""

    up: int = 0
    down: int = 0
    router: bool = False
    open_swarms: bool = False


class Governor:
    """Governs between `with` and its end; the session must outlast it.

    `whole` tells whether every byte of a package is on this machine, so that to run its
    torrent would be to share it.
    """

    def __init__(
        self,
        home: Home,
        session: Session,
        *,
        whole: Callable[[str], bool],
        clock: Callable[[], datetime],
        most: Most | None = None,
    ) -> None:
        self._home = home
        self._session = session
        self._whole = whole
        self._clock = clock
        self._most = most or Most()
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="governor", daemon=True)
        self._usage = UsageFile(home)
        self._months = self._usage.load()
        self._meter = Meter()
        self._looks = 0
        self._unsaved = False
        self._seen: tuple[int, ...] | str | None = "nothing yet"
        self._preferences = Preferences()
        self._note = ""
        self._switches: tuple[bool, bool, bool] | None = None
        self._rates: tuple[int, int, bool] | None = None
        self._kept: set[str] = set()
        self._allowance = self._plan()

    def __enter__(self) -> Self:
        self.look()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(5)
        with self._lock, contextlib.suppress(SessionClosedError, OSError):
            self._count()
            self._usage.save(self._months, now=True)

    def look(self) -> None:
        """Read, count, plan and apply, as the thread does each second. Raises SessionError."""
        with self._lock:
            self._read()
            self._count()
            self._allowance = self._plan()
            self._apply()
            self._steer()
            self._looks += 1
            if self._looks % SAVE_EVERY == 0 and self._unsaved:
                # A full disk must not end the limits; the count goes on in memory.
                with contextlib.suppress(OSError):
                    self._usage.save(self._months)
                    self._unsaved = False

    def holds(self, package: str) -> bool:
        """Whether the torrent of a package that is added now must not run yet."""
        with self._lock:
            held = self._held(whole=self._whole(package))
            if held:
                self._kept.add(package)
            return held

    @property
    def sharing(self) -> bool:
        """Whether anything may be sent now."""
        with self._lock:
            return self._allowance.sharing

    @property
    def fetching(self) -> bool:
        """Whether anything may be fetched now."""
        with self._lock:
            return self._allowance.fetching

    def state(self) -> dict[str, Any]:
        """What holds now, as state.json tells it (`allowance_record`), the reach of the session,
        and a note where the limits cannot be followed."""
        with self._lock:
            used = self._months.get(month_of(self._wall()), Used())
            record = allowance_record(
                self._allowance, self._preferences, used, now=self._clock().astimezone()
            )
            return record | {
                "upnp": self._preferences.upnp and self._most.router,
                "note": self._note,
                "reach": asdict(self._session.reach()),
            }

    def _run(self) -> None:
        try:
            while not self._stop.wait(LOOK_SECONDS):
                self.look()
        except SessionClosedError:
            pass
        except BaseException:
            # Whoever no longer looks cannot keep to a limit.
            with contextlib.suppress(Exception):
                self._session.set_sharing(False)
            raise

    def _wall(self) -> datetime:
        """The owner's wall clock."""
        return self._clock().astimezone().replace(tzinfo=None)

    def _read(self) -> None:
        seen = signature(preferences_file(self._home))
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._preferences, self._note = load_preferences(self._home), ""
        except (DamagedFileError, OSError) as error:
            self._note = str(error)

    def _count(self) -> None:
        lan = self._preferences.lan
        traffic = self._session.traffic()
        # To ask who is connected costs a question for each torrent that has peers.
        peers = () if lan or not self._meter.moved(traffic) else self._session.peers()
        new = self._meter.counted(traffic, peers, lan=lan)
        self._unsaved = self._unsaved or new != Used()
        month = month_of(self._wall())
        used = self._months.get(month, Used())
        self._months[month] = Used(used.up + new.up, used.down + new.down)

    def _plan(self) -> Allowance:
        wall = self._wall()
        allowance = plan(wall, self._preferences, self._months.get(month_of(wall), Used()))
        if self._note:
            return replace(allowance, up=0, sharing=False, reason=Reason.UNREADABLE)
        up, down = (
            stricter(allowance.up, self._most.up),
            stricter(allowance.down, self._most.down),
        )
        return replace(
            allowance,
            up=up,
            down=down,
            reason=allowance.reason if up == allowance.up else Reason.LIMIT,
            down_reason=allowance.down_reason if down == allowance.down else Reason.LIMIT,
        )

    def _apply(self) -> None:
        allowance, preferences = self._allowance, self._preferences
        router = preferences.upnp and self._most.router
        open_swarms = preferences.dht and self._most.open_swarms
        switches = (allowance.sharing, router, open_swarms)
        if switches != self._switches:
            self._session.set_sharing(allowance.sharing)
            self._session.set_discovery(router=router, open_swarms=open_swarms)
            self._switches = switches
        used = self._months.get(month_of(self._wall()), Used())
        rates = (
            _within(allowance.down, brake(preferences.month_down, used.down)),
            _within(allowance.up, brake(preferences.month_up, used.up)),
            preferences.lan,
        )
        if rates != self._rates:
            self._session.set_rates(download=rates[0], upload=rates[1], lan=rates[2])
            self._rates = rates

    def _steer(self) -> None:
        """Pause what may not run, and let go on what was kept and may run again."""
        if self._allowance.sharing and self._allowance.fetching and not self._kept:
            return
        for torrent in self._session.snapshot():
            # It may be gone by now.
            with contextlib.suppress(UnknownTorrentError):
                self._steer_one(torrent)

    def _steer_one(self, torrent: TorrentSnapshot) -> None:
        if torrent.state is TorrentState.CHECKING:
            return  # it sends nothing, and what it is will be known in a moment
        if self._held(whole=self._is_whole(torrent)):
            self._kept.add(torrent.name)
            if torrent.state is not TorrentState.PAUSED:
                self._session.pause(torrent.info_hash)
        elif torrent.name in self._kept:
            self._kept.discard(torrent.name)
            self._session.resume(torrent.info_hash)

    def _is_whole(self, torrent: TorrentSnapshot) -> bool:
        if torrent.state is TorrentState.PAUSED:
            return torrent.done >= torrent.total or self._whole(torrent.name)
        return torrent.state is TorrentState.SEEDING

    def _held(self, *, whole: bool) -> bool:
        return not (self._allowance.sharing if whole else self._allowance.fetching)


def allowance_record(
    allowance: Allowance, preferences: Preferences, used: Used, *, now: datetime
) -> dict[str, Any]:
    """What holds at `now` (aware, of the owner's zone), for JSON: bytes a second, 0 for no limit,
    and bytes of this month; why, and until when where that is known."""
    return {
        "now": now.isoformat(timespec="seconds"),
        "sharing": allowance.sharing,
        "fetching": allowance.fetching,
        "up": allowance.up,
        "down": allowance.down,
        "reason": allowance.reason,
        "down_reason": allowance.down_reason,
        "until": _local(allowance.until),
        "down_until": _local(allowance.down_until),
        "month": month_of(now),
        "sent": used.up,
        "fetched": used.down,
        "month_up": preferences.month_up,
        "month_down": preferences.month_down,
        "lan": preferences.lan,
    }


def held_note(torrent: TorrentSnapshot | None, governor: Governor | None) -> str:
    """Why a download stands still, where the limits are the reason; else nothing."""
    if governor is None or torrent is None or torrent.state is not TorrentState.PAUSED:
        return ""
    if governor.fetching or torrent.done >= torrent.total:
        return ""
    return "Your limits let nothing be fetched now. See: geobuk limits"


def _local(wall: datetime | None) -> str | None:
    return wall.astimezone().isoformat() if wall else None


def _within(rate: int, braked: int) -> int:
    """The stricter of two rates, as libtorrent can take it."""
    chosen = stricter(rate, braked)
    return UNLIMITED if chosen > MOST else chosen
