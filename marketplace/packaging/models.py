from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from marketplace.core.append_only import AppendOnlyModel

__all__ = [
    "ContentKey",
    "Deposit",
    "Package",
    "PackageDraft",
    "PackageFile",
    "RootDocument",
    "SigningKey",
    "Upload",
]


class PackageDraft(models.Model):
    """Files that a seller collects for one version of a listing, and how far sealing is."""

    class State(models.TextChoices):
        COLLECTING = "collecting"
        QUEUED = "queued"
        SEALING = "sealing"
        SEALED = "sealed"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    version = models.PositiveIntegerField(
        default=1, help_text="Which version of the listing; it is signed into the manifest."
    )
    state = models.CharField(max_length=16, choices=State, default=State.COLLECTING)
    stage = models.CharField(max_length=40, blank=True, help_text="What the job is doing now.")
    done_bytes = models.PositiveBigIntegerField(default=0)
    total_bytes = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True, help_text="A sentence for the seller.")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"draft {self.id}"


class Upload(models.Model):
    """One file on its way in by tus. Its bytes lie in UPLOAD_DIR under its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    draft = models.ForeignKey(PackageDraft, on_delete=models.CASCADE, related_name="uploads")
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    received = models.PositiveBigIntegerField(default=0)
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position", "created_at"]
        constraints = [
            models.CheckConstraint(
                name="packaging_upload_within_its_size",
                condition=models.Q(received__lte=models.F("size")),
            ),
            models.CheckConstraint(
                name="packaging_upload_is_not_empty", condition=models.Q(size__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Package(models.Model):
    """Sealed files of one version of a listing, named by the hash of the signed manifest."""

    id = models.CharField(primary_key=True, max_length=64, help_text="SHA-256, hexadecimal.")
    draft = models.OneToOneField(PackageDraft, on_delete=models.PROTECT, related_name="package")
    version = models.PositiveIntegerField(default=1, help_text="As the manifest says.")
    seal_id = models.CharField(max_length=32, unique=True)
    manifest = models.TextField(help_text="The signed manifest, exact bytes (JWS, ASCII).")
    piece_length = models.PositiveIntegerField()
    plain_size = models.PositiveBigIntegerField()
    sealed_size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.id[:12]


class PackageFile(models.Model):
    """A file of a package, as the shop shows it; the manifest holds the same, encrypted."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="files")
    index = models.PositiveIntegerField()
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=100)
    plain_size = models.PositiveBigIntegerField()
    sealed_size = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["index"]
        constraints = [
            models.UniqueConstraint(fields=["package", "index"], name="packaging_file_index_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ContentKey(models.Model):
    """Custody of one content key: wrapped (AES-KW) under a key derived for this package."""

    package = models.OneToOneField(Package, on_delete=models.CASCADE, related_name="content_key")
    wrapped = models.BinaryField()
    master = models.CharField(
        max_length=16, blank=True, help_text="Fingerprint of the master key that wraps it."
    )

    def __str__(self) -> str:
        return f"content key of {self.package_id[:12]}"


class Deposit(models.Model):
    """A secret of 32 bytes that another app keeps in custody, in a table of its own.

    A table that inherits from this is wrapped anew with the others when the master key is
    replaced: the rotation asks for the subclasses, and so knows no app above this one.
    """

    wrapped = models.BinaryField()
    master = models.CharField(
        max_length=16, blank=True, help_text="Fingerprint of the master key that wraps it."
    )

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        abstract = True

    @property
    def custody_context(self) -> str:
        """Names the row: wrapped bytes of another one do not open in it."""
        raise NotImplementedError


class SigningKey(models.Model):
    """The shop's root key, or an issuer key: at work, made for later, or retired.

    Of a root that is kept offline, and of a former one, only the public part lies here.
    """

    class Role(models.TextChoices):
        ROOT = "root"
        ISSUER = "issuer"

    kid = models.CharField(primary_key=True, max_length=43, help_text="RFC 7638 thumbprint.")
    role = models.CharField(max_length=8, choices=Role)
    public_key = models.CharField(max_length=43, help_text="Ed25519, base64url.")
    wrapped = models.BinaryField(default=b"", blank=True)
    has_private = models.BooleanField(
        default=True, help_text="Whether the private part lies here, wrapped."
    )
    master = models.CharField(
        max_length=16, blank=True, help_text="Fingerprint of the master key that wraps it."
    )
    certificate = models.TextField(
        blank=True, help_text="JWS of the root over an issuer key; empty until it has signed."
    )
    starts_at = models.DateTimeField(
        null=True, blank=True, help_text="From then on an issuer signs, until a later one starts."
    )
    ends_at = models.DateTimeField(null=True, blank=True, help_text="The end of the certificate.")
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["role"],
                condition=models.Q(retired_at__isnull=True, role="root"),
                name="packaging_one_current_root",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} key {self.kid[:8]}"


class RootDocument(AppendOnlyModel):
    """What a root of this shop signed, besides certificates; the newest of a kind counts."""

    class Kind(models.TextChoices):
        KEYRING = "keyring"
        CHANGE = "change"
        CHECKPOINT = "checkpoint"

    kind = models.CharField(max_length=12, choices=Kind)
    root = models.CharField(max_length=43, help_text="Thumbprint of the root that signed.")
    sequence = models.PositiveBigIntegerField(help_text="Of a checkpoint, the size of the log.")
    jws = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "root", "sequence"], name="packaging_root_document_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.sequence}"
