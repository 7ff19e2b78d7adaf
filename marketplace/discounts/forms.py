"""The form in which a seller describes a new code. What fits together, the services decide."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.types import Listing
from marketplace.core.money import CURRENCIES, Money, MoneyError, parse_money
from marketplace.discounts.errors import CodeTermsError
from marketplace.discounts.models import Code
from marketplace.discounts.services import LONGEST, check_code, new_text
from marketplace.discounts.terms import MOST_USES
from marketplace.discounts.types import CodeTerms

__all__ = ["CodeForm"]

ALL, CHOSEN = "all", "chosen"
_LOCAL = "%Y-%m-%dT%H:%M"  # what <input type="datetime-local"> reads and sends

if TYPE_CHECKING:
    _ListingChoices = forms.ModelMultipleChoiceField[Listing]
else:  # Django's class takes no type argument when it runs
    _ListingChoices = forms.ModelMultipleChoiceField


class _ListingsField(_ListingChoices):
    def label_from_instance(self, obj: Listing) -> str:
        return f"{obj.title} · {obj.price.localised()}"


def _moment(label: Any, hint: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_LOCAL)
    return forms.DateTimeField(
        label=label, help_text=hint, required=False, widget=widget, input_formats=[_LOCAL]
    )


def _count(label: Any, hint: Any = "") -> forms.IntegerField:
    return forms.IntegerField(
        label=label, help_text=hint, required=False, min_value=1, max_value=MOST_USES
    )


def _amount(label: Any, hint: Any = "") -> forms.CharField:
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.CharField(
        label=label, help_text=hint, required=False, max_length=40, widget=widget
    )


class CodeForm(forms.Form):
    """Call `terms()` once it is valid, and pass that to create_code."""

    text = forms.CharField(
        label=_("Code"),
        max_length=LONGEST,
        help_text=_("Capitals, spaces and dashes do not matter. This one was made up for you."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )
    kind = forms.ChoiceField(
        label=_("It takes off"), choices=Code.Kind.choices, widget=forms.RadioSelect
    )
    percent = forms.IntegerField(
        label=_("Percent"),
        required=False,
        min_value=1,
        max_value=100,
        help_text=_("100 gives it away."),
    )
    amount = _amount(_("Amount"), _("Once for a purchase, however many items it has."))
    minimum = _amount(_("Only from this price on"), _("Of your items together, before the code."))
    currency = forms.ChoiceField(
        label=_("Currency"), choices=[(c.code, f"{c.code} {c.symbol}") for c in CURRENCIES.values()]
    )
    scope = forms.ChoiceField(
        label=_("It is for"),
        choices=[(ALL, _("Everything that you offer")), (CHOSEN, _("Only what you choose"))],
        widget=forms.RadioSelect,
    )
    listings = _ListingsField(
        label=_("Listings"),
        required=False,
        queryset=Listing.objects.none(),
        widget=forms.CheckboxSelectMultiple,
    )
    starts_at = _moment(_("Begins"), _("Left empty: at once."))
    ends_at = _moment(_("Ends"), _("Left empty: when you end it."))
    zone = forms.ChoiceField(label=_("Time zone of both"))
    total_limit = _count(_("Uses in all"), _("Left empty: without limit."))
    buyer_limit = _count(_("Uses for each buyer"), _("Left empty: without limit."))

    def __init__(self, data: Any = None, *, seller: User, now: dt.datetime, zone: str) -> None:
        initial = {
            "text": new_text(),
            "kind": Code.Kind.PERCENT,
            "scope": ALL,
            "zone": zone,
            "buyer_limit": 1,
        }
        super().__init__(data, initial=initial)
        self.seller, self.now = seller, now
        listings, zones = self.fields["listings"], self.fields["zone"]
        assert isinstance(listings, forms.ModelMultipleChoiceField)
        assert isinstance(zones, forms.ChoiceField)
        listings.queryset = catalog.listings_of(seller)
        zones.choices = [(name, name) for name in sorted(zoneinfo.available_timezones())]
        sentence = gettext("Choose from 1 to %(most)d.") % {"most": MOST_USES}
        for name in ("total_limit", "buyer_limit"):
            self.fields[name].error_messages.update(min_value=sentence, max_value=sentence)
        sentence = gettext("Choose from 1 to %(most)d.") % {"most": 100}
        self.fields["percent"].error_messages.update(min_value=sentence, max_value=sentence)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        # What a choice puts away is not asked for: what was left in it must not stop this.
        unused = "amount" if cleaned.get("kind") == Code.Kind.PERCENT else "percent"
        self.errors.pop(unused, None)
        cleaned[unused] = None
        self._require(cleaned.get("kind") or "", gettext("Say how much."))
        if cleaned.get("scope") == CHOSEN:
            self._require("listings", gettext("Choose at least one."))
        for field in ("amount", "minimum"):
            self._read_money(field)
        for field in ("starts_at", "ends_at"):
            self._read_moment(field)
        if not self.errors:
            try:
                check_code(seller=self.seller, terms=self.terms(), now=self.now)
            except CodeTermsError as error:
                self.add_error(error.field, str(error))
        return cleaned

    def terms(self) -> CodeTerms:
        """What the valid form says."""
        cleaned = self.cleaned_data
        chosen = cleaned["listings"] if cleaned["scope"] == CHOSEN else ()
        return CodeTerms(
            text=cleaned["text"],
            percent=cleaned["percent"],
            amount=cleaned["amount"],
            minimum=cleaned["minimum"],
            listing_ids=frozenset(listing.pk for listing in chosen),
            starts_at=cleaned["starts_at"] or self.now,
            ends_at=cleaned["ends_at"],
            zone=cleaned["zone"],
            total_limit=cleaned["total_limit"],
            buyer_limit=cleaned["buyer_limit"],
        )

    def _require(self, field: str, sentence: str) -> None:
        if field in self.fields and field not in self.errors and not self.cleaned_data.get(field):
            self.add_error(field, sentence)

    def _read_money(self, field: str) -> None:
        """The field's text as Money of the form's currency, None where it is empty."""
        typed, currency = self.cleaned_data.get(field), self.cleaned_data.get("currency")
        if field in self.errors or currency is None:
            return
        money: Money | None = None
        if typed:
            try:
                money = parse_money(typed, currency)
            except MoneyError as error:
                self.add_error(field, str(error))
                return
        self.cleaned_data[field] = money

    def _read_moment(self, field: str) -> None:
        """The field's wall clock in the form's zone, as the moment that it is."""
        wall: dt.datetime | None = self.cleaned_data.get(field)
        zone = self.cleaned_data.get("zone")
        if wall is None or zone is None or field in self.errors:
            return
        here = wall.replace(tzinfo=zoneinfo.ZoneInfo(zone))
        moment = here.astimezone(dt.UTC)
        if moment.astimezone(here.tzinfo).replace(tzinfo=None) != wall.replace(tzinfo=None):
            self.add_error(field, gettext("The clocks skip this hour there. Choose another."))
            return
        self.cleaned_data[field] = moment
