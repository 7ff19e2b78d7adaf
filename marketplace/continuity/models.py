from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from marketplace.packaging.models import Deposit

__all__ = ["ActivationKey", "RecoveryKey", "ShareSet", "UnlockDocument"]


class ActivationKey(Deposit):
    """The secret that makes every unlock document open, until its day in custody only."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    commitment = models.CharField(max_length=43, help_text="Of the secret, base64url.")
    created_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[ActivationKey]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="continuity_one_activation_key", condition=models.Q(id=1)),
        ]

    def __str__(self) -> str:
        return "activation key"

    @property
    def custody_context(self) -> str:
        return "activation key"


class ShareSet(models.Model):
    """That the secret was split for trustees; the shares themselves are never kept."""

    threshold = models.PositiveSmallIntegerField()
    total = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.threshold} of {self.total}"


class RecoveryKey(models.Model):
    """The public parts of the key that a buyer has on paper."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_key"
    )
    thumbprint = models.CharField(max_length=43, help_text="RFC 7638, of the identity key.")
    identity_key = models.CharField(max_length=43, help_text="Ed25519 public key, base64url.")
    sealing_suite = models.CharField(max_length=16)
    sealing_key = models.TextField(help_text="HPKE public key, base64url.")
    sealing_key_signature = models.CharField(max_length=86)
    registered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"recovery key {self.thumbprint[:8]}"


class UnlockDocument(models.Model):
    """The newest unlock document of one device or recovery key, as it was signed."""

    document_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="unlock_documents"
    )
    recipient = models.CharField(max_length=43, help_text="Thumbprint of its identity key.")
    basis = models.CharField(max_length=43, help_text="Hash of what it was made from, base64url.")
    jws = models.TextField()
    issued_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "recipient"], name="continuity_one_document_per_recipient"
            ),
        ]

    def __str__(self) -> str:
        return f"unlock document {self.document_id}"
