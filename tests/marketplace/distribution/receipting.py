"""Buyers of one package who deliver to each other and sign what they say of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils import timezone

from drm.receipts import Count, Link
from drm.signed import document_hash
from marketplace.accounts.models import Device, User
from marketplace.catalog.models import Listing
from marketplace.distribution import queries
from marketplace.distribution.models import SwarmLabel
from marketplace.distribution.networks import note_network
from marketplace.distribution.origin_claims import Sent, add_origin_claims
from marketplace.distribution.receipts import Taken, take_receipts
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, log_in_device, make_person, sell

__all__ = ["Crowd", "Peer", "chain_id"]


def chain_id(number: int) -> str:
    """A chain of its own for each number below 64."""
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[number] + "A" * 21


@dataclass
class Peer:
    """A device of a user while its program runs under one label."""

    package: str
    user: User
    seeder: FakeSeeder
    label: str
    address: str
    chain: str = "A" * 22
    head: Link | None = field(default=None)

    @property
    def device(self) -> Device:
        return Device.objects.get(thumbprint=self.seeder.identity.public.thumbprint, user=self.user)

    def document(
        self, *, got: Mapping[str, int] | None = None, sent: Mapping[str, int] | None = None
    ) -> str:
        """What it says of the package, by label, as the next of its chain."""
        return self.seeder.receipts(
            receipts=[Count(self.package, label, total) for label, total in (got or {}).items()],
            claims=[Count(self.package, label, total) for label, total in (sent or {}).items()],
            head=self.head,
            chain=self.chain,
        )

    def hand_in(self, document: str) -> Taken:
        return take_receipts(
            user=self.user,
            device=self.device,
            document=document,
            address=self.address,
            now=timezone.now(),
        )

    def says(
        self, *, got: Mapping[str, int] | None = None, sent: Mapping[str, int] | None = None
    ) -> Taken:
        """Sign and hand in the next document of the chain."""
        document = self.document(got=got, sent=sent)
        taken = self.hand_in(document)
        self.head = Link(self.chain, taken.sequence, document_hash(document))
        return taken


class Crowd:
    """A package, and whoever comes to it."""

    def __init__(self, *, files: dict[str, bytes] | None = None) -> None:
        self.listing: Listing = sell(files=files)
        assert self.listing.package_id is not None
        self.package = self.listing.package_id
        assert self.listing.package is not None
        self.size = self.listing.package.sealed_size
        self._hosts = 0

    def joins(
        self,
        name: str = "",
        *,
        user: User | None = None,
        seeder: FakeSeeder | None = None,
        address: str = "",
        bought: bool = True,
    ) -> Peer:
        """A peer: a buyer of the package with a new device in a network of its own, unless
        something else is given."""
        if user is None:
            user = make_person(name)
            if bought:
                buy(user, self.listing)
        if seeder is None:
            seeder = log_in_device(user, name or "second")
        self._hosts += 1
        peer = Peer(self.package, user, seeder, "", address or f"198.51.{self._hosts}.7")
        return self.restarts(peer)

    def restarts(self, peer: Peer) -> Peer:
        """Its program runs anew, under a new label."""
        peer.label = uuid.uuid4().hex[:20]
        now = timezone.now()
        SwarmLabel.objects.create(
            label=peer.label,
            device=peer.device,
            address=peer.address,
            created_at=now,
            expires_at=now,
        )
        note_network(device_id=peer.device.pk, address=peer.address, now=now)
        return peer

    def deliver(self, sender: Peer, receiver: Peer, total: int) -> None:
        """An honest delivery: both sides say the same."""
        receiver.says(got={sender.label: total})
        sender.says(sent={receiver.label: total})

    def origin_sends(self, receiver: Peer, count: int) -> None:
        """The origin has sent `count` more bytes to the receiver."""
        add_origin_claims({(self.package, receiver.label): Sent(count)}, now=timezone.now())

    def deliveries(self, receiver: Peer) -> dict[uuid.UUID | None, int]:
        """What counts, by sender."""
        found = queries.deliveries(
            package_id=self.package, receiver_id=receiver.user.pk, now=timezone.now()
        )
        return {delivery.sender_id: delivery.bytes for delivery in found}
