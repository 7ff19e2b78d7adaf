"""What the origin has sent, in its own words: it is a sender like others, and signs to nobody."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from django.db import transaction
from django.db.models import F

from marketplace.distribution.models import SwarmLabel
from marketplace.distribution.networks import network_of, networks_of
from marketplace.distribution.receipt_models import Claim
from seeder.accounting import Accounting, Pair, Totals
from seeder.watching import Connections, Looked, Watch

__all__ = ["OriginClaims", "add_origin_claims", "was_seen_at"]

EVERY: Final = dt.timedelta(seconds=10)
REMEMBERED: Final = 10_000


class OriginClaims:
    """Counts what the origin's session sends to whom, between `with` and its end, and writes it
    down at `write`."""

    def __init__(self, session: Connections) -> None:
        self._lock = threading.Lock()
        self._accounting = Accounting()
        self._watch = Watch(session, self._looked)
        self._due: dt.datetime | None = None
        self._known: set[tuple[str, str]] = set()  # labels and where their owners were seen

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
        sent: dict[tuple[str, str], int] = {}
        elsewhere: dict[tuple[str, str], int] = {}
        for pair, totals in news.items():
            label, _at, host = pair.label.partition("@")
            if not totals.sent:
                continue
            at = pair.package, label
            sent[at] = sent.get(at, 0) + totals.sent
            if not self._knows(label, host):
                elsewhere[at] = elsewhere.get(at, 0) + totals.sent
        add_origin_claims(sent, elsewhere=elsewhere, now=now)

    def _knows(self, label: str, host: str) -> bool:
        """As `was_seen_at`, asked once for a peer where it is so."""
        if (label, host) in self._known:
            return True
        if not was_seen_at(label=label, host=host):
            return False
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known.add((label, host))
        return True

    def _looked(self, looked: Looked) -> bool:
        peers, torrents = looked
        named = [replace(p, label=f"{p.label}@{p.host}") if p.label else p for p in peers]
        with self._lock:
            return self._accounting.observe(named, torrents)


@transaction.atomic
def add_origin_claims(
    sent: Mapping[tuple[str, str], int],
    *,
    elsewhere: Mapping[tuple[str, str], int] | None = None,
    now: dt.datetime,
) -> None:
    """Add to what the origin claims: payload bytes since the last time, by package and label,
    and how many of them went `elsewhere`, to where the label's owner was never seen.

    Labels that nobody holds, or devices that were removed, have got nothing.
    """
    labels = SwarmLabel.objects.filter(
        label__in={label for _package, label in sent}, device__removed_at__isnull=True
    )
    owners = {row.label: row.device_id for row in labels if row.device_id is not None}
    for (package, label), count in sent.items():
        if label not in owners:
            continue
        own = Claim.objects.filter(sender=None, package_id=package, label=label)
        far = (elsewhere or {}).get((package, label), 0)
        if not own.update(bytes=F("bytes") + count, elsewhere=F("elsewhere") + far, updated_at=now):
            Claim.objects.create(
                sender=None,
                receiver_id=owners[label],
                package_id=package,
                label=label,
                bytes=count,
                elsewhere=far,
                heard_at=now,
                updated_at=now,
            )


def was_seen_at(*, label: str, host: str) -> bool:
    """Whether the label's owner was seen by the shop in the network of `host`.

    A label is a name, and anyone can say it, so as to have the origin's bytes counted as
    another's. From elsewhere the owner's own receipt tells (`matching`): many homes have
    both versions of IP, and ask the shop over one.
    """
    row = SwarmLabel.objects.filter(label=label).select_related("device").first()
    if row is None or row.device is None:
        return False
    return network_of(host) in networks_of({row.device.user_id})[row.device.user_id]
