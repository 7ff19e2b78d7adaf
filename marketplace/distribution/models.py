from __future__ import annotations

from typing import ClassVar

from django.db import models

from marketplace.accounts.models import Device
from marketplace.distribution.receipt_models import Claim, Receipt, ReceiptChain, SeenNetwork
from marketplace.packaging.models import Deposit, Package

__all__ = [
    "AnnounceToken",
    "Claim",
    "DeviceDownload",
    "OriginSeat",
    "OriginState",
    "Receipt",
    "ReceiptChain",
    "SeenNetwork",
    "SwarmAuthority",
    "SwarmLabel",
    "SwarmMember",
    "Torrent",
]


class Torrent(models.Model):
    """The swarm of a package: its v2 info-hash is a locator and may be replaced."""

    package = models.OneToOneField(Package, on_delete=models.CASCADE, related_name="torrent")
    info_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256, hexadecimal.")
    metainfo = models.BinaryField(help_text="Bencoded, without announce URL.")
    closed = models.BooleanField(
        default=False, help_text="Only devices with a certificate get in; no tracker."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.info_hash[:12]


class AnnounceToken(models.Model):
    """Lets one device (or the origin, where there is none) announce itself in one swarm."""

    token = models.CharField(primary_key=True, max_length=43)
    torrent = models.ForeignKey(Torrent, on_delete=models.CASCADE, related_name="tokens")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["torrent", "device"],
                condition=models.Q(revoked_at__isnull=True),
                name="distribution_one_live_token_per_device",
            ),
            # Without a device the pair above is never equal to another.
            models.UniqueConstraint(
                fields=["torrent"],
                condition=models.Q(revoked_at__isnull=True, device__isnull=True),
                name="distribution_one_live_token_of_the_origin",
            ),
        ]

    def __str__(self) -> str:
        return f"token of {self.torrent_id}"


class DeviceDownload(models.Model):
    """What a device last said of its copy of a package: a claim, for the owner's eyes only."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="downloads")
    state = models.CharField(max_length=16)
    done_bytes = models.PositiveBigIntegerField(default=0)
    total_bytes = models.PositiveBigIntegerField(default=0)
    down_rate = models.PositiveBigIntegerField(default=0, help_text="Bytes a second.")
    up_rate = models.PositiveBigIntegerField(default=0, help_text="Bytes a second.")
    uploaded_bytes = models.PositiveBigIntegerField(default=0)
    peers = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["package", "device"], name="distribution_one_state_per_device"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} on {self.device_id}"


class OriginState(models.Model):
    """How the platform's own seeder stands with a package."""

    package = models.OneToOneField(Package, on_delete=models.CASCADE, related_name="origin")
    state = models.CharField(max_length=16)
    peers = models.PositiveIntegerField(default=0)
    up_rate = models.PositiveBigIntegerField(default=0, help_text="Bytes a second.")
    uploaded_bytes = models.PositiveBigIntegerField(default=0)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.state}: {self.package_id[:12]}"


class SwarmAuthority(Deposit):
    """The authority of one package's closed swarm: its certificate, and its key in custody."""

    package = models.OneToOneField(Package, on_delete=models.CASCADE, related_name="authority")
    certificate = models.TextField(help_text="X.509, PEM.")
    created_at = models.DateTimeField()

    objects: ClassVar[models.Manager[SwarmAuthority]] = models.Manager()

    def __str__(self) -> str:
        return f"authority of {self.package_id[:12]}"

    @property
    def custody_context(self) -> str:
        return f"swarm authority {self.package_id}"


class SwarmLabel(models.Model):
    """What peers call a device (or the origin, where there is none) while its program runs once.

    It is a name, not a secret: any member can repeat it, and its certificate alone lets in.
    """

    label = models.CharField(primary_key=True, max_length=20)
    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, null=True, blank=True, related_name="labels"
    )
    address = models.GenericIPAddressField(
        null=True, blank=True, help_text="Where it last announced from."
    )
    port = models.PositiveIntegerField(null=True, blank=True, help_text="For TLS.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.label


class SwarmMember(models.Model):
    """That a device has had a certificate for a package's closed swarm, and until when."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="members")
    device = models.ForeignKey(Device, on_delete=models.CASCADE)
    expires_at = models.DateTimeField(db_index=True)
    put_out_at = models.DateTimeField(
        null=True, blank=True, help_text="When the others were told that its right has ended."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["package", "device"], name="distribution_one_member_per_device"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} in {self.package_id[:12]}"


class OriginSeat(models.Model):
    """Where the origin is reached in closed swarms, as long as it says so."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    label = models.ForeignKey(SwarmLabel, on_delete=models.CASCADE)
    host = models.GenericIPAddressField()
    port = models.PositiveIntegerField(help_text="For TLS.")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="distribution_one_origin", condition=models.Q(id=1)),
        ]

    def __str__(self) -> str:
        return f"origin at {self.host}"
