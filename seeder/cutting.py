"""Who is to be cut out of a closed swarm. No clock, network or session: facts in, hosts out.

A certificate is looked at when a connection begins, and never again. So a device whose right
has ended is cut by the others: the shop names its labels, and the hosts that they are seen at are
kept out until its last certificate has ended. libtorrent cuts by host alone: where the shop still
allows somebody at the same host (two buyers behind one router), the host is not kept out but cut
for a moment, now and then, while a stranger is seen there; whoever is allowed dials again. Who
shows no label at all hides whose it is, and is treated as one that is gone. And every connection is
cut once in a while, whatever label it shows, since a label can be copied: the certificate is looked
at anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from seeder.alerts import PeerSnapshot
from seeder.filters import network_of
from seeder.swarm_calls import Met

__all__ = ["Doorman", "Verdict"]

# Twice a certificate's life, and as long as the shop names who is gone.
MEMORY = timedelta(hours=2)
# A stranger can make us cut its neighbours, too: not more often than this.
CUT_PAUSE = timedelta(seconds=10)

_Link = tuple[str, str, int]  # label, host and port


@dataclass(frozen=True, slots=True)
class Verdict:
    """Hosts that stay out, and hosts whose connections are cut once."""

    kept_out: frozenset[str]
    cut_once: frozenset[str]


class Doorman:
    """What one swarm's answers said of labels, and where they were seen."""

    def __init__(self) -> None:
        self._gone: frozenset[str] = frozenset()
        self._allowed: dict[str, tuple[str, datetime]] = {}  # label to host, and when it was named
        # Host to when a label that is gone was there, and which ("" for one without any).
        self._suspects: dict[str, tuple[datetime, str]] = {}
        self._links: dict[_Link, datetime] = {}  # to when it was seen first
        self._cut_at: dict[str, datetime] = {}  # host

    @property
    def alert(self) -> bool:
        """Whether anybody is looked for."""
        return bool(self._gone or self._suspects)

    def told(self, peers: Iterable[Met], gone: frozenset[str], *, now: datetime) -> None:
        """Take an answer of the shop: who is there, and who was put out."""
        for label in gone & self._allowed.keys():
            self._suspects[self._allowed.pop(label)[0]] = (now, label)
        # Whose right has come back is gone no more, and its host is no suspect's.
        back = self._gone - gone
        self._suspects = {h: seen for h, seen in self._suspects.items() if seen[1] not in back}
        self._gone = gone
        for peer in peers:
            if peer.label not in gone:
                self._allowed[peer.label] = (peer.host, now)

    def judge(self, connected: Sequence[PeerSnapshot], *, now: datetime) -> Verdict:
        """Say who is cut, of those who are connected now and of those who may come."""
        self._forget(now)
        for peer in connected:
            if peer.label in self._gone or peer.masked:
                self._suspects[peer.host] = (now, peer.label)
        suspects = {network_of(host): host for host in self._suspects}
        shared = {network_of(host) for host, _at in self._allowed.values()}
        strangers = {
            p.host for p in connected if p.masked or (p.label and p.label not in self._allowed)
        }
        once = {
            host for host in strangers if network_of(host) in suspects.keys() & shared
        } | self._overdue(connected, now)
        once = {host for host in once if now - self._cut_at.get(host, now - MEMORY) >= CUT_PAUSE}
        self._cut_at |= dict.fromkeys(once, now)
        kept_out = {host for network, host in suspects.items() if network not in shared}
        return Verdict(frozenset(kept_out), frozenset(once - kept_out))

    def _overdue(self, connected: Sequence[PeerSnapshot], now: datetime) -> set[str]:
        links = {(peer.label, peer.host, peer.port) for peer in connected}
        self._links = {link: self._links.get(link, now) for link in links}
        old = {link for link, since in self._links.items() if now - since > MEMORY}
        for link in old:
            del self._links[link]  # what comes back has shown its certificate
        return {host for _label, host, _port in old}

    def _forget(self, now: datetime) -> None:
        since = now - MEMORY
        self._allowed = {label: at for label, at in self._allowed.items() if at[1] > since}
        self._suspects = {host: seen for host, seen in self._suspects.items() if seen[0] > since}
        self._cut_at = {host: at for host, at in self._cut_at.items() if at > since}
