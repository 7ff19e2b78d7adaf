"""What crosses the border of this app: its tables for annotations, and the issuer."""

from __future__ import annotations

from dataclasses import dataclass, field

from drm.keys import IdentityKey
from marketplace.packaging.ceremony import Answer, LogState, Request
from marketplace.packaging.models import Package, PackageDraft, PackageFile, Upload

__all__ = [
    "Answer",
    "Issuer",
    "LogState",
    "Package",
    "PackageDraft",
    "PackageFile",
    "Request",
    "Upload",
]


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """The key that signs manifests, licences and statuses now, and the root's word for it."""

    kid: str
    key: IdentityKey = field(repr=False)
    certificate: str
