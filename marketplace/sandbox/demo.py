"""The demo: two sellers, two buyers, an operator, and content on sale in won and dollars.

Everything goes the way that a person's would: accounts, listings and files by the
services of the shop, sealing by the job worker.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from marketplace.accounts import services as accounts
from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog import services as catalog
from marketplace.catalog.types import ListingDetails, SaleTerms
from marketplace.core.money import Money
from marketplace.packaging import services as packaging
from marketplace.publishing import services as publishing
from marketplace.sandbox import demo_media as media

__all__ = ["ACCOUNTS", "PASSWORD", "load_demo", "make_user"]

PASSWORD = "turtle-island-2002"  # noqa: S105  # the demo's, printed at every start
FILM_SECONDS = int(os.environ.get("GEOBUK_DEMO_FILM_SECONDS", "60"))
ACCOUNTS = [
    ("buyer@example.org", "Buyer"),
    ("friend@example.org", "Another buyer"),
    ("studio@example.org", "Seller"),
    ("press@example.org", "Another seller"),
    ("operator@example.org", "Operator"),
]

Say = Callable[[str], object]


@dataclass(frozen=True)
class Offer:
    """One listing of the demo, and how its files and its cover are made."""

    seller: str
    title: str
    description: str
    price: Money
    category: str
    tags: tuple[str, ...]
    terms: SaleTerms
    motif: str
    colours: tuple[media.Colour, media.Colour]
    make: Callable[[Path, Say], object]


SAVE = SaleTerms(may_save=True)
OFFERS = [
    Offer(
        "press@example.org",
        "먹 붓 24종 – Ink brushes",
        "Twenty-four scanned **ink brushes** as PNG with transparency, for any painting program.\n\n"
        "손으로 만든 먹 붓 24종. 투명 PNG.\n\n- 512 × 512 px\n- use them in anything you make",
        Money(900, "USD"),
        "comics-art",
        ("brushes", "먹"),
        SAVE,
        "brushes",
        ((250, 238, 222), (226, 196, 170)),
        lambda folder, _: media.make_brushes(folder / "먹 붓 ink-brushes.zip"),
    ),
    Offer(
        "press@example.org",
        "거북이의 여행",
        "글 없는 그림책. 작은 거북이가 바다를 건너 처음으로 육지를 봅니다.\n\n"
        "A picture book without words: a small turtle crosses the sea. *12 pages, PDF.*",
        Money(450, "USD"),
        "books",
        ("그림책", "거북이"),
        SAVE,
        "book",
        ((255, 196, 140), (120, 160, 200)),
        lambda folder, _: media.make_book(folder / "거북이의 여행.pdf"),
    ),
    Offer(
        "studio@example.org",
        "바다의 노래",
        "세 곡으로 듣는 바다의 하루. 무손실 FLAC.\n\n"
        "| | |\n|---|---|\n| 1 | 파도의 시작 |\n| 2 | 거북이의 하루 |\n| 3 | 달빛 아래 바다 |",
        Money(3000, "KRW"),
        "music",
        ("앰비언트", "flac", "바다"),
        SAVE,
        "album",
        ((88, 40, 120), (18, 14, 52)),
        lambda folder, _: media.make_album(folder),
    ),
    Offer(
        "studio@example.org",
        "거북의 바다",
        "한 마리 거북이가 깊은 바다를 건너는 1분. 소리와 함께 보세요.\n\n"
        "One minute with a turtle in deep water. **Plays in your seeder**, streamed and never saved.",
        Money(4900, "KRW"),
        "film",
        ("단편", "바다", "거북이"),
        SaleTerms(),
        "film",
        ((18, 118, 150), (4, 26, 58)),
        lambda folder, say: media.make_film(
            folder / "거북의 바다.mp4", seconds=FILM_SECONDS, say=say
        ),
    ),
    Offer(
        "studio@example.org",
        "거북의 바다 (대여)",
        "같은 1분을 빌려서 보세요. 처음 재생한 때부터 48시간, 빌린 날부터 30일 안에 시작합니다.\n\n"
        "The same minute, rented: **48 hours** from your first play on, to begin within 30 days.",
        Money(1500, "KRW"),
        "film",
        ("단편", "대여"),
        SaleTerms(rental_hours=48, start_days=30),
        "film",
        ((18, 118, 150), (4, 26, 58)),
        lambda folder, say: media.make_film(
            folder / "거북의 바다.mp4", seconds=FILM_SECONDS, say=say
        ),
    ),
]


def load_demo(*, say: Say) -> None:
    """Make what of the demo is not there yet. New listings are left to the job worker."""
    users = {email: make_user(email) for email, _ in ACCOUNTS}
    accounts.become_seller(user=users["studio@example.org"], name="바다 스튜디오", country="KR")
    accounts.become_seller(user=users["press@example.org"], name="Paper Turtle Press", country="US")
    for offer in OFFERS:
        _offer(offer, seller=users[offer.seller], say=say)


def make_user(email: str) -> User:
    """The demo's user of this address, verified and with PASSWORD; made where missing."""
    operator = email.startswith("operator")
    user, made = get_user_model().objects.get_or_create(
        email=email, defaults={"is_staff": operator, "is_superuser": operator}
    )
    if made:
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
    # Whatever stopped an earlier run between the two, the address is a verified one.
    EmailAddress.objects.update_or_create(
        user=user, email=email, defaults={"verified": True, "primary": True}
    )
    return user


def _offer(offer: Offer, *, seller: User, say: Say) -> None:
    if catalog_queries.listings_of(seller).filter(title=offer.title).exists():
        return
    say(f"Making the demo content: {offer.title}")
    folder = _content(offer, say)
    picture = io.BytesIO((folder / "cover.png").read_bytes())
    details = ListingDetails(
        title=offer.title,
        description=offer.description,
        price=offer.price,
        category=catalog_queries.category(offer.category),
        tags=offer.tags,
        cover=catalog.render_cover(picture, size=len(picture.getbuffer())),
    )
    listing = catalog.create_listing(seller=seller, details=details)
    for path in sorted((folder / "files").iterdir()):
        with path.open("rb") as source:
            packaging.add_file(
                owner=seller,
                draft_id=listing.draft_id,
                name=path.name,
                source=source,
                size=path.stat().st_size,
                now=timezone.now(),
            )
    publishing.publish(listing_id=listing.pk, seller=seller, terms=offer.terms)


def _content(offer: Offer, say: Say) -> Path:
    """The folder of an offer's files and cover; made once a clone, whole or not at all."""
    root = settings.BASE_DIR / "build" / "demo"
    folder = root / f"{offer.motif}-{FILM_SECONDS}"
    if folder.exists():
        return Path(folder)
    part = root / f".{offer.motif}.part"
    shutil.rmtree(part, ignore_errors=True)
    (part / "files").mkdir(parents=True)
    offer.make(part / "files", say)
    top, bottom = offer.colours
    media.make_cover(part / "cover.png", top=top, bottom=bottom, motif=offer.motif)
    part.rename(folder)
    return Path(folder)
