"""The fields that say how a listing is priced, and what they come to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.catalog.errors import PriceError, PricingError
from marketplace.catalog.models import Listing
from marketplace.catalog.price_changes import MAX_COPIES, check_pricing
from marketplace.catalog.types import PriceTerms
from marketplace.core.fees import as_percent
from marketplace.core.money import CURRENCIES, Money, MoneyError, parse_money

__all__ = ["CURRENCY_CHOICES", "AmountInput", "PriceFields"]

CURRENCY_CHOICES = [
    (c.code, c.code if c.symbol == c.code else f"{c.code} {c.symbol}") for c in CURRENCIES.values()
]
_Pricing = Listing.Pricing
_WAYS = [
    (_Pricing.FIXED, _("At one price")),
    (_Pricing.OPEN, _("Buyers choose what they pay, from a least price on")),
    (_Pricing.SUBSCRIPTION, _("As a subscription: it opens while it is paid for")),
]
# What each way of pricing leaves out. What is put away is not asked for.
_UNUSED = {
    _Pricing.FIXED: ("suggested", "interval"),
    _Pricing.OPEN: ("interval",),
    _Pricing.SUBSCRIPTION: ("suggested", "copies"),
}


class AmountInput(forms.TextInput):
    """Where people write an amount in the habits of their language."""

    def __init__(self) -> None:
        super().__init__(attrs={"inputmode": "decimal", "autocomplete": "off"})


class PriceFields(forms.Form):
    """A form with these fields: read `money` and `price_terms` once it is valid."""

    pricing = forms.ChoiceField(
        label=_("How it is sold"),
        required=False,
        choices=_WAYS,
        widget=forms.RadioSelect,
    )
    price = forms.CharField(
        label=_("Price"), max_length=40, help_text=_("0 gives it away."), widget=AmountInput
    )
    currency = forms.ChoiceField(label=_("Currency"), choices=CURRENCY_CHOICES)
    suggested = forms.CharField(
        label=_("Suggested price"),
        required=False,
        max_length=40,
        help_text=_("What the buyers’ form begins with. Left empty, the least price."),
        widget=AmountInput,
    )
    interval = forms.ChoiceField(
        label=_("Paid"),
        required=False,
        choices=[
            (Listing.Interval.MONTH, _("each month")),
            (Listing.Interval.YEAR, _("each year")),
        ],
    )
    copies = forms.IntegerField(
        label=_("Number of copies"),
        required=False,
        min_value=1,
        max_value=MAX_COPIES,
        help_text=_(
            "A limited edition: no more than these are sold. Left empty, there is no limit."
        ),
    )

    pool = forms.DecimalField(
        label=_("Percent for delivery"),
        required=False,
        max_digits=5,
        decimal_places=2,
        help_text=_(
            "Of each sale, for buyers who deliver it to others. What nobody delivered comes back"
            " to you. Left empty, what is usual here."
        ),
    )

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        listing: Listing | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, files, initial={**_initial(listing), **(initial or {})})
        self.listing = listing
        self.money: Money | None = None
        self._suggestion: Money | None = None
        sentence = _("Choose from 1 to %(most)d.") % {"most": MAX_COPIES}
        self.fields["copies"].error_messages.update(min_value=sentence, max_value=sentence)
        pricing = self.fields["pricing"]
        assert isinstance(pricing, forms.ChoiceField)
        if listing is not None and listing.status != Listing.Status.DRAFT:
            # What is sold for good stays so, and a subscription stays one.
            pricing.choices = [
                way for way in _WAYS if (way[0] == _Pricing.SUBSCRIPTION) == listing.is_subscription
            ]

    @property
    def price_terms(self) -> PriceTerms | None:
        """How the valid form prices; None where it does not say, so that it stays as it is."""
        cleaned = self.cleaned_data
        if not cleaned.get("pricing"):
            return None
        return PriceTerms(
            pricing=cleaned["pricing"],
            suggested=self._suggestion,
            interval=cleaned.get("interval", ""),
            copies=cleaned.get("copies"),
            pool_bps=None if cleaned.get("pool") is None else int(cleaned["pool"] * 100),
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("pricing"):
            for name in _UNUSED[_Pricing(cleaned["pricing"])]:
                self.errors.pop(name, None)
                cleaned[name] = None if name == "copies" else ""
        if "price" in cleaned and "currency" in cleaned:
            self._clean_amounts(cleaned)
        return cleaned

    def _clean_amounts(self, cleaned: dict[str, Any]) -> None:
        self.money = self._amount(cleaned, "price")
        if cleaned.get("suggested"):
            self._suggestion = self._amount(cleaned, "suggested")
        if self.money is None or {"suggested", "interval", "copies", "pool"} & set(self.errors):
            return
        try:
            check_pricing(self.money, self.price_terms or PriceTerms())
        except PriceError as error:
            self.add_error("price", str(error))
        except PricingError as error:
            self.add_error(error.field, str(error))

    def _amount(self, cleaned: dict[str, Any], name: str) -> Money | None:
        try:
            return parse_money(cleaned[name], cleaned["currency"])
        except MoneyError as error:
            self.add_error(name, str(error))
            return None


def _initial(listing: Listing | None) -> dict[str, Any]:
    if listing is None:
        return {"pricing": _Pricing.FIXED, "interval": Listing.Interval.MONTH}
    suggested = listing.suggested_minor
    return {
        "pricing": listing.pricing,
        "price": listing.price.typed(),
        "currency": listing.currency,
        "suggested": "" if suggested is None else Money(suggested, listing.currency).typed(),
        "interval": listing.interval or Listing.Interval.MONTH,
        "copies": listing.copies,
        "pool": None if listing.pool_bps is None else as_percent(listing.pool_bps),
    }
