"""What devices signed that they received and sent, and how far their chains have come."""

from __future__ import annotations

from django.db import models

from marketplace.accounts.types import Device
from marketplace.packaging.types import Package

__all__ = ["Claim", "Receipt", "ReceiptChain", "SeenNetwork"]


class ReceiptChain(models.Model):
    """The signed documents of one device, of which each names the one before.

    A chain that was broken takes no more; its device begins another one, and totals that
    were taken stay.
    """

    class Broken(models.TextChoices):
        NO = ""
        GAP = "gap", "a document is missing"
        FORK = "fork", "a document was rewritten"
        LEFT = "left", "its device began another"

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="receipt_chains")
    chain = models.CharField(max_length=22, help_text="16 random bytes, base64url.")
    sequence = models.PositiveBigIntegerField()
    head = models.CharField(max_length=43, help_text="Hash of the last document, base64url.")
    broken = models.CharField(max_length=4, choices=Broken, default=Broken.NO, blank=True)
    began_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device", "chain"], name="distribution_chain_of_a_device_once"
            ),
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(broken=""),
                name="distribution_one_whole_chain_per_device",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} documents of {self.device_id}"


class Receipt(models.Model):
    """The most that `receiver` ever signed to have got of a package from the label.

    `sender` is whose label it was when the receipt came, None where it was the origin's.
    """

    receiver = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="receipts")
    sender = models.ForeignKey(Device, on_delete=models.CASCADE, null=True, related_name="+")
    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="receipts")
    label = models.CharField(max_length=20)
    bytes = models.PositiveBigIntegerField()
    heard_at = models.DateTimeField(help_text="For the first time.")
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["package", "receiver", "label"], name="distribution_receipt_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bytes} bytes from {self.label}"


class Claim(models.Model):
    """The most that `sender` (None: the origin) ever said to have sent of a package to the label.

    `receiver` is whose label it was when the claim came.
    """

    _ELSEWHERE = "Of the bytes, what the origin sent to where the label's owner was never seen."

    sender = models.ForeignKey(Device, on_delete=models.CASCADE, null=True, related_name="claims")
    receiver = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="claims")
    label = models.CharField(max_length=20)
    bytes = models.PositiveBigIntegerField()
    elsewhere = models.PositiveBigIntegerField(default=0, help_text=_ELSEWHERE)
    heard_at = models.DateTimeField(help_text="For the first time.")
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["package", "sender", "label"], name="distribution_claim_once"
            ),
            # Without a device the triple above is never equal to another.
            models.UniqueConstraint(
                fields=["package", "label"],
                condition=models.Q(sender__isnull=True),
                name="distribution_claim_of_the_origin_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bytes} bytes to {self.label}"


class SeenNetwork(models.Model):
    """Where a device's words came from, as a network (/24, /64): neighbours earn nothing
    from each other."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="seen_networks")
    network = models.CharField(max_length=43)
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device", "network"], name="distribution_network_of_a_device_once"
            ),
        ]

    def __str__(self) -> str:
        return self.network
