from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

__all__ = [
    "NAME_MAX",
    "Device",
    "DeviceGrant",
    "DeviceLogin",
    "DeviceToken",
    "Seller",
    "UsedProof",
    "User",
]

NAME_MAX = 80  # characters, of people, sellers and devices


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=email.strip().lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractUser):
    """A person, known by one e-mail address; Ada@X.org and ada@x.org are the same one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = None  # type: ignore[assignment]  # the e-mail address is the name
    email = models.EmailField()
    display_name = models.CharField(max_length=NAME_MAX, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="accounts_user_email_is_unique"),
        ]

    def __str__(self) -> str:
        return self.email


class Seller(models.Model):
    """The selling side of a user: the name on the listings."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="seller")
    name = models.CharField(max_length=NAME_MAX)
    slug = models.SlugField(max_length=80, unique=True, allow_unicode=True)
    country = models.CharField(max_length=2, default="KR")
    tax_number = models.CharField(
        max_length=30, blank=True, help_text="VAT, GST or business number, for receipts."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Device(models.Model):
    """A machine of a user: an Ed25519 identity key and the sealing key that it signs."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    name = models.CharField(max_length=NAME_MAX)
    thumbprint = models.CharField(max_length=43, help_text="RFC 7638, of the identity key.")
    identity_key = models.CharField(max_length=43, help_text="Ed25519 public key, base64url.")
    sealing_suite = models.CharField(max_length=16)
    sealing_key = models.TextField(help_text="HPKE public key, base64url.")
    sealing_key_signature = models.CharField(max_length=86)
    registered_at = models.DateTimeField()
    first_registered_at = models.DateTimeField(help_text="Stays when the key is registered again.")
    last_seen_at = models.DateTimeField(null=True, blank=True)
    last_address = models.GenericIPAddressField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    copies_suspected_on = models.DateField(
        null=True, blank=True, help_text="The last day on which its record was not as expected."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "thumbprint"], name="accounts_device_key_once_per_user"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DeviceGrant(models.Model):
    """One attempt of a seeder to log in (RFC 8628), from its request to its tokens.

    ``pending → approved → redeemed``, or ``pending → denied``. Each step is one UPDATE
    that names the state it starts from, so of two rivals one changes no row.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        APPROVED = "approved", "Approved"
        DENIED = "denied", "Denied"
        REDEEMED = "redeemed", "Redeemed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    device_code_digest = models.CharField(max_length=64, unique=True)
    user_code = models.CharField(max_length=8, unique=True)
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    client_id = models.CharField(max_length=40)
    device_name = models.CharField(max_length=NAME_MAX)
    address = models.GenericIPAddressField(null=True, blank=True)
    thumbprint = models.CharField(max_length=43)
    identity_key = models.CharField(max_length=43)
    sealing_suite = models.CharField(max_length=16)
    sealing_key = models.TextField()
    sealing_key_signature = models.CharField(max_length=86)
    interval = models.PositiveSmallIntegerField(help_text="Seconds between two polls.")
    next_poll_at = models.DateTimeField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True)
    language = models.CharField(max_length=10, default="en", help_text="Of the owner's mail.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="accounts_device_grant_decided_by_someone",
                condition=models.Q(state="pending") | models.Q(user__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_name} ({self.state})"


class DeviceLogin(models.Model):
    """A seeder that is logged in: the family of tokens that one approval brought forth."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="logins")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.device} since {self.started_at:%Y-%m-%d}"


class DeviceToken(models.Model):
    """A token, of which only the hash is kept: who reads the table can use none."""

    class Kind(models.TextChoices):
        ACCESS = "access", "Access"
        REFRESH = "refresh", "Refresh"

    login = models.ForeignKey(DeviceLogin, on_delete=models.CASCADE, related_name="tokens")
    kind = models.CharField(max_length=7, choices=Kind)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256, hexadecimal.")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} of {self.login}"


class UsedProof(models.Model):
    """A DPoP proof that was shown, kept while it would still be fresh enough to show again.

    A table, since a cache may drop entries when it is full, and each dropped entry
    would open a proof for replay.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest
