"""Forms of the account pages. What counts as valid is decided by the services."""

from __future__ import annotations

import unicodedata

from django import forms
from django.utils.translation import gettext_lazy as _
from django_countries import countries

from marketplace.accounts.models import NAME_MAX
from marketplace.accounts.queries import country_name

__all__ = [
    "DeviceNameForm",
    "DisplayNameForm",
    "SellerForm",
    "TaxNumberForm",
    "UserCodeForm",
    "country_choices",
]


def country_choices() -> list[tuple[str, str]]:
    """Every country of ISO 3166, under its name in the language of the page (CLDR)."""
    shown = [(code, country_name(code)) for code, _name in countries]
    return sorted(shown, key=lambda country: unicodedata.normalize("NFKD", country[1]))


class SellerForm(forms.Form):
    name = forms.CharField(
        label=_("Name on your listings"),
        max_length=NAME_MAX,
        help_text=_("Yourself, your band, your studio. Buyers see it on every listing."),
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autofocus": True}),
    )
    country = forms.ChoiceField(
        label=_("Country you sell from"), choices=country_choices, initial="KR"
    )


class TaxNumberForm(forms.Form):
    number = forms.CharField(
        label=_("VAT, GST or business number"),
        required=False,
        max_length=30,
        help_text=_("It stands on the receipts of what you sell. Leave it empty without one."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class DisplayNameForm(forms.Form):
    display_name = forms.CharField(
        label=_("Your name"),
        required=False,
        max_length=NAME_MAX,
        help_text=_("How the shop and your devices address you. Other people do not see it."),
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )


class UserCodeForm(forms.Form):
    # Never filled from the address: a link could otherwise carry someone else's code, and
    # a click on “Continue” would let their machine in.
    user_code = forms.CharField(
        label=_("Code on the device"),
        max_length=40,
        help_text=_("Eight letters, such as BCDF-GHJK. Capitals and the hyphen do not matter."),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
        error_messages={"required": _("Type the code that the device shows.")},
    )


class DeviceNameForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=NAME_MAX, strip=True)
