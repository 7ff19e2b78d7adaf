"""The origin: the platform's own seeder, so that nobody ever depends on other buyers.

It seeds every package that is on sale or that anyone may still open. What is wanted
is read from the database again and again; what is running is the session's. Each step
brings the second to the first, so the order of events, restarts and crashes do not
matter.

In closed swarms it takes part as any seeder does, and looks every few seconds whose right
to one has ended, so that all others cut who was put out.

Where a package's files are missing or cut, as after a restore without them, the origin
fetches them back from the buyers' seeders like anybody else; every piece is checked
against the torrent that sealing made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.utils import timezone

from marketplace.catalog import queries as catalog
from marketplace.core.errors import MarketplaceError
from marketplace.distribution.closed import put_out_members
from marketplace.distribution.labels import forget_old_labels
from marketplace.distribution.models import OriginState, Torrent
from marketplace.distribution.origin_claims import OriginClaims
from marketplace.distribution.origin_manner import Manner, Others, manner_for, others_with
from marketplace.distribution.origin_scrub import OriginScrub
from marketplace.distribution.origin_shop import OriginShop
from marketplace.distribution.services import torrent_for_origin
from marketplace.licensing import queries as licensing
from marketplace.packaging import services as packaging
from seeder.errors import SeederError
from seeder.session import (
    Session,
    SessionError,
    SourceFilesError,
    TorrentError,
    TorrentSnapshot,
    TorrentState,
)
from seeder.swarming import Swarming, first_label
from seeder.torrents import TorrentInfo

__all__ = ["STEP_SECONDS", "Origin", "wanted_packages"]

logger = logging.getLogger(__name__)

STEP_SECONDS = 1.0
# Between two looks at whose right to a swarm has ended, and at how many others share.
LOOK_SECONDS = 5.0
TIDY_SECONDS = 3600.0  # between two looks for labels that nothing can name any more
RETRY_SECONDS = 60.0  # until a package whose files were missing is tried again
DATABASE_PAUSE = 3.0


@dataclass(frozen=True, slots=True)
class _Report:
    state: str
    peers: int = 0
    up_rate: int = 0
    uploaded: int = 0


def wanted_packages() -> set[str]:
    """The ids of the packages that must be there for whoever has bought or will buy them."""
    on_sale = catalog.on_sale().order_by().values_list("package_id", flat=True)
    return {package for package in on_sale if package} | licensing.entitled_packages()


def _take_part(session: Session) -> Swarming:
    """The origin's part in closed swarms, in a session that was opened under no label yet."""
    label = first_label(OriginShop())
    if label is not None:
        session.relabel(label.text)
    return Swarming(OriginShop(), session, label=label, clock=timezone.now)


class Origin:
    """Keeps `session` seeding what is wanted, and OriginState telling how it goes."""

    def __init__(
        self,
        session: Session,
        *,
        swarming: Swarming | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self.swarming = swarming or _take_part(session)
        self._clock = clock
        self._claims = OriginClaims(session)
        self._scrub = OriginScrub(session)
        self._look_at_others_at = self._tidy_at = 0.0
        self._manners: dict[str, Manner] = {}  # by info-hash, where it is not the usual one
        self._running: dict[str, str] = {}  # package to info-hash
        self._retry_at: dict[str, float] = {}
        self._mending: dict[str, float] = {}  # package to when its files are looked at again
        self._reported: dict[str, _Report] | None = None

    def run(self, wait: Callable[[float], bool]) -> None:
        """Step until `wait(seconds)` says True, which means stop."""
        with self._claims, self._scrub:
            self._step_until(wait)
        try:
            self._claims.write(now=timezone.now(), at_once=True)
        except DatabaseError as error:
            logger.warning("What was sent last is not on record (%s).", type(error).__name__)

    def _step_until(self, wait: Callable[[float], bool]) -> None:
        try:
            self._run(wait)
        finally:
            self.swarming.stop()

    def _run(self, wait: Callable[[float], bool]) -> None:
        pause = 0.0
        while not wait(pause):
            close_old_connections()
            try:
                self.step()
                pause = STEP_SECONDS
            except DatabaseError as error:
                # What runs goes on seeding; only news have to wait.
                logger.warning(
                    "The database cannot be read (%s); seeding goes on, trying again in %d s.",
                    type(error).__name__,
                    DATABASE_PAUSE,
                )
                pause = DATABASE_PAUSE

    def step(self) -> None:
        """Add what is missing, drop what nobody needs, and write down what changed."""
        wanted = wanted_packages()
        for package in sorted(self._running.keys() - wanted):
            self._drop(package)
            logger.info("Package %s: nobody needs it any more.", package[:12])
        self._forget_gone()
        if self._clock() >= self._look_at_others_at:
            self._follow_switches()
        for package in self._scrub.rotten() & self._running.keys():
            self._distrust(package)
        self._retry_at = {p: at for p, at in self._retry_at.items() if p in wanted}
        for package in sorted(wanted - self._running.keys()):
            if self._clock() >= self._retry_at.get(package, 0.0):
                self._add(package)
        self._report(wanted)
        self._swarm()
        self._claims.write(now=timezone.now())

    def _forget_gone(self) -> None:
        """Forget what has left the session: under a new label everything is added anew."""
        here = {torrent.info_hash for torrent in self._session.snapshot()}
        self._running = {package: own for package, own in self._running.items() if own in here}

    def _follow_switches(self) -> None:
        """Take out what runs under an info-hash that was replaced: its swarm was opened or closed."""
        current = dict(
            Torrent.objects.filter(package_id__in=self._running).values_list(
                "package_id", "info_hash"
            )
        )
        for package, info_hash in list(self._running.items()):
            if current.get(package) not in (None, info_hash):
                self._drop(package)

    def _swarm(self) -> None:
        """Take part in closed swarms, and note whose right to one has ended."""
        if self._clock() >= self._look_at_others_at:
            self._look_at_others_at = self._clock() + LOOK_SECONDS
            if count := put_out_members(now=timezone.now()):
                logger.info("%d devices have no right to their swarm any more.", count)
            self._choose_manners()
        if self._clock() >= self._tidy_at:
            self._tidy_at = self._clock() + TIDY_SECONDS
            forget_old_labels(now=timezone.now())
        self.swarming.take_outdated()  # seen by their info-hashes already
        try:
            self.swarming.step()
        except (SeederError, MarketplaceError) as error:
            logger.warning("Closed swarms wait: %s", error)

    def _choose_manners(self) -> None:
        """Serve each package as its swarm needs it (origin_manner)."""
        others = others_with(self._running, now=timezone.now())
        chosen: dict[str, Manner] = {}
        for package, info_hash in self._running.items():
            if package not in self._mending:
                chosen[info_hash] = manner_for(
                    others.get(package, Others()), stepped_back=settings.ORIGIN_STEPPED_BACK
                )
        for info_hash, manner in chosen.items():
            if self._manners.get(info_hash, Manner()) != manner:
                self._session.steer(
                    info_hash, super_seeding=manner.super_seeding, upload=manner.most
                )
        self._manners = chosen

    def _add(self, package: str) -> None:
        try:
            info = self._start(package)
        except (SessionError, TorrentError, MarketplaceError) as error:
            if package not in self._retry_at:
                logger.error("Package %s cannot be seeded: %s", package[:12], error)  # noqa: TRY400
            self._retry_at[package] = self._clock() + RETRY_SECONDS
            return
        self._retry_at.pop(package, None)
        self._running[package] = info.info_hash
        self._manners.pop(info.info_hash, None)  # it begins in the usual one
        if package not in self._mending:
            logger.info("Package %s: seeding %d bytes.", package[:12], info.total)

    def _start(self, package: str) -> TorrentInfo:
        torrent, store = torrent_for_origin(package_id=package), Path(settings.STORE_DIR)
        if not packaging.is_mending(package):
            try:
                # Sealing hashed the files: sizes are checked now, each piece when it is read.
                return self._session.add(torrent, store, seed_mode=True)
            except SourceFilesError as error:
                logger.error("Package %s: %s", package[:12], error)  # noqa: TRY400
                packaging.set_mending(package, mending=True)
        logger.warning(
            "Package %s: fetching its files back from the buyers' seeders.", package[:12]
        )
        self._mending[package] = self._clock() + RETRY_SECONDS
        return self._session.add(torrent, store)

    def _mend(self, torrent: TorrentSnapshot) -> None:
        """Take note when a package is whole again, also when somebody copied its files back."""
        package = torrent.name
        if torrent.state is TorrentState.SEEDING:
            packaging.set_mending(package, mending=False)
            del self._mending[package]
            logger.info("Package %s is whole again: seeding.", package[:12])
        elif self._clock() >= self._mending[package]:
            self._mending[package] = self._clock() + RETRY_SECONDS
            if torrent.peers == 0 and packaging.is_whole(package):
                self._session.recheck(torrent.info_hash)

    def _distrust(self, package: str) -> None:
        """Begin again without the word of the sealing: hash all, and fetch what is bad."""
        logger.error("Package %s: a piece on the disk is not what was sealed.", package[:12])
        packaging.set_mending(package, mending=True)
        self._drop(package)

    def _drop(self, package: str) -> None:
        self._mending.pop(package, None)
        try:
            self._session.remove(self._running.pop(package))
        except SessionError as error:
            # It is out of the session's list in any case; its files are only held a while.
            logger.warning("Package %s is slow to stop: %s", package[:12], error)

    def _report(self, wanted: set[str]) -> None:
        """Write the rows that differ from what was written last, all in one statement."""
        now = {package: _Report(state="error") for package in self._retry_at}
        for torrent in self._session.snapshot():
            now[torrent.name] = self._look_at(torrent)
        if self._reported is None:
            # After a start nothing is known of the rows: those of other packages are old.
            OriginState.objects.exclude(package_id__in=wanted).delete()
            self._reported = {}
        elif gone := self._reported.keys() - now.keys():
            OriginState.objects.filter(package_id__in=gone).delete()
        changed = {p: report for p, report in now.items() if self._reported.get(p) != report}
        at = timezone.now()
        if changed:
            OriginState.objects.bulk_create(
                [
                    OriginState(
                        package_id=package,
                        state=report.state,
                        peers=report.peers,
                        up_rate=report.up_rate,
                        uploaded_bytes=report.uploaded,
                        updated_at=at,
                    )
                    for package, report in changed.items()
                ],
                update_conflicts=True,
                unique_fields=["package"],
                update_fields=["state", "peers", "up_rate", "uploaded_bytes", "updated_at"],
            )
        self._reported = now

    def _look_at(self, torrent: TorrentSnapshot) -> _Report:
        if torrent.name in self._mending:
            self._mend(torrent)
        if torrent.state is TorrentState.ERROR and torrent.name in self._running:
            # Taken out, it is tried again later, when its files may have been restored.
            logger.error("Package %s has stopped: %s", torrent.name[:12], torrent.error)
            self._drop(torrent.name)
            self._retry_at[torrent.name] = self._clock() + RETRY_SECONDS
        elif (
            torrent.state is TorrentState.DOWNLOADING
            and torrent.name in self._running.keys() - self._mending.keys()
        ):
            self._distrust(torrent.name)  # a buyer asked for a piece that has rotted
        return _Report(
            state=torrent.state.value,
            peers=torrent.peers,
            up_rate=torrent.up_rate,
            uploaded=torrent.uploaded,
        )
