from __future__ import annotations

from django.db import models

from marketplace.accounts.models import Device
from marketplace.packaging.models import Package

__all__ = ["AnnounceToken", "DeviceDownload", "OriginState", "Torrent"]


class Torrent(models.Model):
    """The swarm of a package: its v2 info-hash is a locator and may be replaced."""

    package = models.OneToOneField(Package, on_delete=models.CASCADE, related_name="torrent")
    info_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256, hexadecimal.")
    metainfo = models.BinaryField(help_text="Bencoded, without announce URL.")
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
