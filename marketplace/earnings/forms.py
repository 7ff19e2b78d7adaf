"""Forms of "Get paid". What counts as valid is decided by the services."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.forms import country_choices

__all__ = ["BankForm", "CountryForm"]


class CountryForm(forms.Form):
    """Asked first, since it decides how somebody can be paid at all."""

    country = forms.ChoiceField(
        label=_("Country of your bank account"),
        choices=country_choices,
        help_text=_("It decides how you are paid. At Stripe it cannot be changed later."),
    )


class BankForm(forms.Form):
    """Where a bank transfer goes."""

    holder = forms.CharField(
        label=_("Name that the account is under"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    bank = forms.CharField(label=_("Bank"), max_length=100)
    number = forms.CharField(
        label=_("Account number"),
        max_length=60,
        help_text=_("Hyphens and spaces do not matter. Afterwards only its last digits are shown."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
