from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from marketplace.catalog.bundle_models import Bundle, BundleItem
from marketplace.catalog.names import small_name
from marketplace.catalog.sale_models import EditionCopy, SalePeriod
from marketplace.catalog.version_models import ListingVersion
from marketplace.core.money import Money
from marketplace.packaging.models import Package, PackageDraft

__all__ = [
    "Bundle",
    "BundleItem",
    "Category",
    "EditionCopy",
    "Listing",
    "ListingVersion",
    "SalePeriod",
    "Tag",
]


class Category(models.Model):
    slug = models.SlugField(primary_key=True, max_length=40)
    name_en = models.CharField(max_length=60)
    name_ko = models.CharField(max_length=60)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name in the language of the page."""
        return self.name_ko if (get_language() or "").startswith("ko") else self.name_en


class Tag(models.Model):
    slug = models.SlugField(primary_key=True, max_length=40, allow_unicode=True)
    name = models.CharField(max_length=40)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Listing(models.Model):
    """An offer of one package at one price."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PREPARING = "preparing", _("Being prepared")  # sealing is under way
        ON_SALE = "on_sale", _("On sale")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    class Pricing(models.TextChoices):
        FIXED = "fixed", _("One price")
        OPEN = "open", _("Buyers choose, from a least price on")
        SUBSCRIPTION = "subscription", _("A subscription")

    class Interval(models.TextChoices):
        MONTH = "month", _("month")
        YEAR = "year", _("year")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="listings"
    )
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, help_text="Markdown.")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="listings")
    tags = models.ManyToManyField(Tag, blank=True, related_name="listings")
    cover = models.ImageField(upload_to="covers/", blank=True)
    pricing = models.CharField(max_length=16, choices=Pricing, default=Pricing.FIXED)
    price_minor = models.PositiveBigIntegerField(
        help_text="Minor units; 0 is free. The least that buyers pay, or a subscription's interval."
    )
    currency = models.CharField(max_length=3)
    suggested_minor = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Where buyers choose: what the form begins with."
    )
    interval = models.CharField(
        max_length=8, choices=Interval, blank=True, default="", help_text="Of a subscription."
    )
    pool_bps = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Hundredths of a percent of a sale for its delivery. Empty: the operator's.",
    )
    copies = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of a limited edition. Empty: as many as are wanted."
    )
    may_save = models.BooleanField(default=False, help_text="The buyer may save the files.")
    rental_hours = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of a rental: hours to watch, from the first play on."
    )
    start_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Of a rental: days to begin watching."
    )
    plays = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Of a rental: how often it may be played."
    )
    lend_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The longest loan. Empty: it cannot be lent."
    )
    transferable = models.BooleanField(default=False, help_text="May be passed on, also opened.")
    giftable = models.BooleanField(default=False, help_text="May be given away unopened.")
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    # Both of the newest version that is out; before the first is, of that one.
    draft = models.OneToOneField(PackageDraft, on_delete=models.PROTECT, related_name="listing")
    package = models.OneToOneField(
        Package, on_delete=models.PROTECT, null=True, blank=True, related_name="listing"
    )
    search_text = models.TextField(editable=False, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-published_at"]
        indexes = [models.Index(fields=["status", "-published_at"])]
        constraints = [
            models.CheckConstraint(
                name="catalog_listing_on_sale_has_package_and_date",
                condition=~models.Q(status="on_sale")
                | models.Q(published_at__isnull=False, package__isnull=False),
            ),
            models.CheckConstraint(
                name="catalog_listing_suggests_where_buyers_choose",
                condition=models.Q(suggested_minor__isnull=True)
                | models.Q(pricing="open", suggested_minor__gte=models.F("price_minor")),
            ),
            models.CheckConstraint(
                name="catalog_listing_subscription_is_whole_and_plays_only",
                condition=(~models.Q(pricing="subscription") & models.Q(interval=""))
                | models.Q(
                    pricing="subscription",
                    interval__in=["month", "year"],
                    price_minor__gt=0,
                    may_save=False,
                    rental_hours__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="catalog_listing_edition_has_copies",
                condition=models.Q(copies__isnull=True) | models.Q(copies__gt=0),
            ),
            models.CheckConstraint(
                name="catalog_listing_rental_is_whole_and_plays_only",
                condition=models.Q(
                    rental_hours__isnull=True, start_days__isnull=True, plays__isnull=True
                )
                | models.Q(rental_hours__gt=0, start_days__gt=0, may_save=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    @property
    def suggestion(self) -> Money:
        """What the form of an open price begins with."""
        return Money(self.suggested_minor or self.price_minor, self.currency)

    @property
    def is_open(self) -> bool:
        """Whether buyers choose what they pay."""
        return self.pricing == self.Pricing.OPEN

    @property
    def is_subscription(self) -> bool:
        return self.pricing == self.Pricing.SUBSCRIPTION

    @property
    def is_rental(self) -> bool:
        return self.rental_hours is not None

    @property
    def is_leased(self) -> bool:
        """Whether it opens for a time only, and devices ask for leases."""
        return self.is_rental or self.is_subscription

    @property
    def cover_url(self) -> str:
        """Where the large cover is served, or "" where there is none."""
        return str(self.cover.url) if self.cover else ""

    @property
    def cover_small_url(self) -> str:
        """Where the small cover is served, or "" where there is none."""
        if not self.cover:
            return ""
        return str(self.cover.storage.url(small_name(str(self.cover.name))))

    @property
    def shade(self) -> int:
        """Which of six shades stands in for a missing cover; a listing keeps its own."""
        return self.id.int % 6
