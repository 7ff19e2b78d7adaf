"""What the tests of the catalogue are made of: sellers, covers, packages, listings."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import uuid

from django.utils.text import slugify
from PIL import Image

from marketplace.accounts.models import Seller, User
from marketplace.catalog import services
from marketplace.catalog.models import Category, Listing
from marketplace.catalog.types import ListingDetails
from marketplace.core.money import Money
from marketplace.packaging.models import Package, PackageFile

NOW = dt.datetime(2026, 11, 25, 9, 0, tzinfo=dt.UTC)


def make_seller(name: str = "달빛 스튜디오", email: str = "seller@example.org") -> User:
    user = User.objects.create_user(email, "correct horse")
    Seller.objects.create(user=user, name=name, slug=slugify(name, allow_unicode=True))
    return user


def make_details(
    *,
    title: str = "밤의 노래",
    description: str = "",
    price: Money | None = None,
    category: str = "music",
    tags: tuple[str, ...] = (),
) -> ListingDetails:
    return ListingDetails(
        title=title,
        description=description,
        price=price or Money(12_000, "KRW"),
        # A test that commits empties every table afterwards, the migrated categories too.
        category=Category.objects.get_or_create(slug=category)[0],
        tags=tags,
    )


def make_package(
    listing: Listing,
    files: tuple[tuple[str, str, int], ...] = (("a.flac", "audio/flac", 30_000_000),),
) -> Package:
    total = sum(size for _name, _kind, size in files)
    seal_id = uuid.uuid4().hex
    package = Package.objects.create(
        id=hashlib.sha256(seal_id.encode()).hexdigest(),
        draft=listing.draft,
        seal_id=seal_id,
        manifest="made by a test",
        piece_length=65536,
        plain_size=total,
        sealed_size=total,
    )
    for index, (name, media_type, size) in enumerate(files):
        PackageFile.objects.create(
            package=package,
            index=index,
            name=name,
            media_type=media_type,
            plain_size=size,
            sealed_size=size,
        )
    return package


def put_on_sale(
    seller: User,
    details: ListingDetails | None = None,
    *,
    now: dt.datetime = NOW,
    files: tuple[tuple[str, str, int], ...] = (("a.flac", "audio/flac", 30_000_000),),
) -> Listing:
    listing = services.create_listing(seller=seller, details=details or make_details())
    services.set_preparing(listing_id=listing.pk)
    package = make_package(listing, files)
    return services.put_on_sale(listing_id=listing.pk, package_id=package.pk, now=now)


def picture(
    file_format: str = "PNG",
    size: tuple[int, int] = (400, 300),
    *,
    mode: str = "RGB",
    exif: Image.Exif | None = None,
) -> bytes:
    out = io.BytesIO()
    options = {"exif": exif} if exif is not None else {}
    Image.new(mode, size, 120).save(out, file_format, **options)
    return out.getvalue()
