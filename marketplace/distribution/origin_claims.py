"""What the origin has sent, in its own words: it is a sender like others, and signs to nobody."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Final, NamedTuple, Self

from django.db import transaction

from marketplace.distribution.models import SwarmLabel
from marketplace.distribution.networks import network_of, seen_at
from marketplace.distribution.receipt_models import Claim
from seeder.accounting import Accounting, Pair, Totals
from seeder.watching import Connections, Looked, Watch

__all__ = ["OriginClaims", "Sent", "add_origin_claims", "seen_under"]

EVERY: Final = dt.timedelta(seconds=10)
REMEMBERED: Final = 10_000
BATCH: Final = 500

_Place = tuple[str, str]  # a label, and the host that showed it


class Sent(NamedTuple):
    """Payload bytes to a label, and how many of them went `elsewhere`: to where the label's
    owner was never seen."""

    bytes: int
    elsewhere: int = 0


class OriginClaims:
    """Counts what the origin's session sends to whom, between `with` and its end, and writes it
    down at `write`."""

    def __init__(self, session: Connections) -> None:
        self._lock = threading.Lock()
        self._accounting = Accounting()
        self._watch = Watch(session, self._looked)
        self._due: dt.datetime | None = None
        self._known: set[_Place] = set()  # where the label's owner was seen

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.stop()

    def look(self) -> None:
        """Look at the session now, as the thread does."""
        self._watch.look()

    def write(self, *, now: dt.datetime, at_once: bool = False) -> None:
        """Write what was sent since the last time, every ten seconds unless `at_once`."""
        if not at_once and self._due is not None and now < self._due:
            return
        self._due = now + EVERY
        with self._lock:
            news, self._accounting.totals = self._accounting.totals, {}
        try:
            self._write(news, now=now)
        except BaseException:
            with self._lock:
                self._accounting.add(news)
            raise

    def _write(self, news: Mapping[Pair, Totals], *, now: dt.datetime) -> None:
        sent: dict[_Place, dict[str, int]] = {}
        for pair, totals in news.items():
            label, _at, host = pair.label.partition("@")
            if totals.sent:
                packages = sent.setdefault((label, host), {})
                packages[pair.package] = packages.get(pair.package, 0) + totals.sent
        add_origin_claims(_by_label(sent, known=self._known_among(sent.keys())), now=now)

    def _known_among(self, places: Collection[_Place]) -> set[_Place]:
        """Those of these labels and hosts where the owner was seen; asked until it is so."""
        known = self._known.intersection(places)
        known |= seen_under(set(places) - known)
        if len(self._known) + len(known) > REMEMBERED:
            self._known.clear()
        self._known |= known
        return known

    def _looked(self, looked: Looked) -> bool:
        peers, torrents = looked
        named = [replace(p, label=f"{p.label}@{p.host}") if p.label else p for p in peers]
        with self._lock:
            return self._accounting.observe(named, torrents)


def _by_label(
    sent: Mapping[_Place, Mapping[str, int]], *, known: Collection[_Place]
) -> dict[tuple[str, str], Sent]:
    """Sums by package and label, from those by label and host, and then package."""
    sums: dict[tuple[str, str], Sent] = {}
    for place, packages in sent.items():
        for package, count in packages.items():
            more = Sent(count, 0 if place in known else count)
            before = sums.get((package, place[0]), Sent(0, 0))
            sums[package, place[0]] = Sent(*map(sum, zip(before, more, strict=True)))
    return sums


@transaction.atomic
def add_origin_claims(sent: Mapping[tuple[str, str], Sent], *, now: dt.datetime) -> None:
    """Add to what the origin claims: payload bytes since the last time, by package and label.

    Labels that nobody holds, or devices that were removed, have got nothing. As many queries
    for all as for one: the origin serves nobody meanwhile.
    """
    labels = SwarmLabel.objects.filter(
        label__in={label for _package, label in sent},
        device__isnull=False,
        device__removed_at__isnull=True,
    )
    owners = dict(labels.values_list("label", "device_id"))
    own = Claim.objects.select_for_update().filter(
        sender=None, package_id__in={package for package, _label in sent}, label__in=owners
    )
    known = {(claim.package_id, claim.label): claim for claim in own}
    new: list[Claim] = []
    for (package, label), (count, far) in sent.items():
        claim = known.get((package, label))
        if claim is not None:
            claim.bytes, claim.elsewhere = claim.bytes + count, claim.elsewhere + far
            claim.updated_at = now
        elif label in owners:
            new.append(
                Claim(
                    sender=None,
                    receiver_id=owners[label],
                    package_id=package,
                    label=label,
                    bytes=count,
                    elsewhere=far,
                    heard_at=now,
                    updated_at=now,
                )
            )
    grown = [claim for at, claim in known.items() if at in sent]
    Claim.objects.bulk_update(grown, ["bytes", "elsewhere", "updated_at"], batch_size=BATCH)
    Claim.objects.bulk_create(new, batch_size=BATCH)


def seen_under(places: Collection[_Place]) -> set[_Place]:
    """Those of these labels and hosts where the shop saw the label's owner in the network of
    the host; two queries for all.

    A label is a name, and anyone can say it, so as to have the origin's bytes counted as
    another's. From elsewhere the owner's own receipt tells (`matching`): many homes have
    both versions of IP, and ask the shop over one.
    """
    if not places:
        return set()
    labels = SwarmLabel.objects.filter(
        label__in={label for label, _host in places}, device__isnull=False
    )
    owners = dict(labels.values_list("label", "device__user_id"))
    asked = {
        (label, host): (owners[label], network_of(host))
        for label, host in places
        if label in owners
    }
    seen = seen_at(set(asked.values()))
    return {place for place, where in asked.items() if where in seen}
