"""What the library page shows: every purchase, where it is, and how to open it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass

from django.conf import settings

from marketplace.accounts import queries as accounts
from marketplace.accounts.types import User
from marketplace.distribution import queries as distribution
from marketplace.distribution.types import Download, SwarmSize
from marketplace.handovers import queries as handovers
from marketplace.handovers.types import Handover
from marketplace.licensing import queries as licensing
from marketplace.licensing.types import Purchase
from marketplace.packaging import queries as packaging

__all__ = ["Copy", "Shelf", "ShelfItem", "shelf_of"]

# A seeder reports everything at least every 30 seconds; who is silent for longer is off.
FRESH = dt.timedelta(seconds=90)
# A shell reads these inside double quotes; a title with one is named by its package instead.
_SHELL = set("\"'$`\\!%")


@dataclass(frozen=True, slots=True)
class Copy:
    """A purchase on one device, as that device last told."""

    download: Download
    fresh: bool

    @property
    def key(self) -> str:
        """Names this copy for the page's script."""
        return f"{self.download.device_id}:{self.download.progress.package}"

    @property
    def percent(self) -> int:
        """Whole percents, rounded down: 100 means all of it."""
        progress = self.download.progress
        return min(100, progress.done * 100 // progress.total) if progress.total else 0


@dataclass(frozen=True, slots=True)
class OlderVersion:
    """A version that a newer one has followed, and the command that opens it."""

    number: int
    command: str


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """A purchase with its copies, and the commands that open it ("" where none does)."""

    purchase: Purchase
    copies: tuple[Copy, ...]
    swarm: SwarmSize
    play: str
    save: str
    handover: Handover | None = None  # while it is offered, lent or borrowed
    older: tuple[OlderVersion, ...] = ()

    @property
    def may_hand_over(self) -> bool:
        """Whether its seller lets it be lent, given or passed on in some way."""
        rights = self.purchase.rights
        return any(rights.get(name) for name in ("transfer", "gift", "lend"))

    @property
    def complete(self) -> bool:
        """Whether a device of the buyer has all of it."""
        return any(copy.download.complete for copy in self.copies)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The whole page. `step` is what the buyer has to do next: "login", "run" or "play"."""

    items: tuple[ShelfItem, ...]
    step: str
    login: str
    run: str
    offers: int = 0  # what others offer, and waits for an answer


def shelf_of(user: User, *, now: dt.datetime) -> Shelf:
    """Everything that `user` has bought, the newest first, what was refunded last."""
    every = licensing.library_of(user)
    purchases = sorted((p for p in every if p.newest), key=lambda purchase: not purchase.active)
    downloads = distribution.downloads_of(user)
    swarms = distribution.swarm_sizes({purchase.package_id for purchase in purchases})
    titles = Counter(purchase.title for purchase in purchases if purchase.active)
    handed = handovers.open_handovers(user)
    copies = [Copy(download, now - download.updated_at <= FRESH) for download in downloads]
    items = []
    for purchase in purchases:
        package = purchase.package_id
        mine = [copy for copy in copies if copy.download.progress.package == package]
        name = _name_for_shell(purchase, alone=titles[purchase.title] == 1)
        items.append(
            ShelfItem(
                purchase=purchase,
                copies=tuple(mine) if purchase.active else (),
                swarm=swarms.get(package, SwarmSize()),
                play=f"geobuk play {name}" if _plays(purchase) else "",
                save=f"geobuk save {name} ." if purchase.may_save else "",
                handover=handed.get(purchase.entitlement_id),
                older=tuple(_older(each) for each in every if _replaced(each, purchase)),
            )
        )
    if not accounts.active_devices(user).exists():
        step = "login"
    else:
        step = "play" if any(copy.fresh for copy in copies) else "run"
    login = f"geobuk login {settings.SITE_URL}"
    return Shelf(tuple(items), step, login, "geobuk run", handovers.offers_to(user))


def _replaced(each: Purchase, newest: Purchase) -> bool:
    return newest.active and each.entitlement_id == newest.entitlement_id and not each.newest


def _older(purchase: Purchase) -> OlderVersion:
    verb, end = ("play", "") if _plays(purchase) else ("save", " .")
    return OlderVersion(purchase.version, f"geobuk {verb} {purchase.package_id[:12]}{end}")


def _plays(purchase: Purchase) -> bool:
    return any(packaging.playable(file.media_type) for file in purchase.files)


def _name_for_shell(purchase: Purchase, *, alone: bool) -> str:
    if alone and not set(purchase.title) & _SHELL and not purchase.title.startswith("-"):
        return f'"{purchase.title}"'
    return purchase.package_id[:12]
