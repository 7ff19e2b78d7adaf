"""The forms in which sellers plan a sale, and put listings into a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.types import User
from marketplace.catalog.bundles import can_be_bundled
from marketplace.catalog.errors import PriceError
from marketplace.catalog.models import Bundle, Listing
from marketplace.catalog.price_forms import CURRENCY_CHOICES, AmountInput
from marketplace.catalog.sales import zones
from marketplace.catalog.types import BundleDetails, SaleWish
from marketplace.core.fees import check_price
from marketplace.core.money import Money, MoneyError, parse_money
from marketplace.core.text import can_be_seen, clean_line, clean_text

__all__ = ["DESCRIPTION_LENGTH", "TITLE_LENGTH", "BundleForm", "SaleForm"]

TITLE_LENGTH = 200
DESCRIPTION_LENGTH = 20_000

_LOCAL = "%Y-%m-%dT%H:%M"  # what <input type="datetime-local"> reads and sends

if TYPE_CHECKING:
    _ListingChoices = forms.ModelMultipleChoiceField[Listing]
else:  # Django's class takes no type argument when it runs
    _ListingChoices = forms.ModelMultipleChoiceField


class _ListingsField(_ListingChoices):
    def label_from_instance(self, obj: Listing) -> str:
        return f"{obj.title} · {obj.price.localised()}"


def _clock(label: Any, hint: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_LOCAL)
    return forms.DateTimeField(label=label, help_text=hint, widget=widget, input_formats=[_LOCAL])


class SaleForm(forms.Form):
    """Call `wish()` once it is valid, and pass that to plan_sale."""

    price = forms.CharField(label=_("Sale price"), max_length=40, widget=AmountInput)
    starts = _clock(_("Begins"), _("A time that is past: at once."))
    ends = _clock(_("Ends"), _("From then on it costs the regular price."))
    zone = forms.ChoiceField(label=_("Time zone of both"))

    def __init__(self, data: Any = None, *, listing: Listing, zone: str) -> None:
        super().__init__(data, initial={"zone": zone})
        self.currency = listing.currency
        choices = self.fields["zone"]
        assert isinstance(choices, forms.ChoiceField)
        choices.choices = [(name, name.replace("_", " ")) for name in zones()]

    def clean_price(self) -> Money:
        return _amount(self.cleaned_data["price"], self.currency)

    def wish(self) -> SaleWish:
        """What the valid form says. The clocks are those of its own zone, not the server's."""
        cleaned = self.cleaned_data
        return SaleWish(
            price=cleaned["price"],
            starts=cleaned["starts"].replace(tzinfo=None),
            ends=cleaned["ends"].replace(tzinfo=None),
            zone=cleaned["zone"],
        )


class BundleForm(forms.Form):
    """Call `details()` once it is valid, and pass that to create_bundle or update_bundle."""

    title = forms.CharField(
        label=_("Title"),
        max_length=TITLE_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=DESCRIPTION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    listings = _ListingsField(
        label=_("What is in it"),
        queryset=Listing.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What a buyer owns already is taken off the price by its share."),
    )
    price = forms.CharField(
        label=_("Price of all together"),
        max_length=40,
        help_text=_("Less than they cost one by one."),
        widget=AmountInput,
    )
    currency = forms.ChoiceField(label=_("Currency"), choices=CURRENCY_CHOICES)

    def __init__(self, data: Any = None, *, seller: User, bundle: Bundle | None = None) -> None:
        super().__init__(data, initial=_initial(seller, bundle))
        listings = self.fields["listings"]
        assert isinstance(listings, forms.ModelMultipleChoiceField)
        listings.queryset = can_be_bundled(seller)

    def clean_title(self) -> str:
        title = clean_line(self.cleaned_data["title"])
        if not can_be_seen(title):
            raise forms.ValidationError(_("Give it a title that can be read."))
        return title

    def clean_description(self) -> str:
        return clean_text(self.cleaned_data["description"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "price" in cleaned and "currency" in cleaned:
            try:
                cleaned["money"] = _amount(cleaned["price"], cleaned["currency"])
            except forms.ValidationError as error:
                self.add_error("price", error)
        return cleaned

    def details(self) -> BundleDetails:
        """What the valid form says."""
        cleaned = self.cleaned_data
        return BundleDetails(
            title=cleaned["title"],
            description=cleaned["description"],
            price=cleaned["money"],
            listing_ids=tuple(listing.pk for listing in cleaned["listings"]),
        )


def _amount(text: str, currency: str) -> Money:
    try:
        money = parse_money(text, currency)
        check_price(money)
    except (MoneyError, PriceError) as error:
        raise forms.ValidationError(str(error)) from error
    return money


def _initial(seller: User, bundle: Bundle | None) -> dict[str, Any]:
    if bundle is None:
        newest = can_be_bundled(seller).order_by("-published_at").first()
        return {"currency": newest.currency} if newest else {}
    return {
        "title": bundle.title,
        "description": bundle.description,
        "listings": [item.listing_id for item in bundle.items.all()],
        "price": bundle.price.typed(),
        "currency": bundle.currency,
    }
