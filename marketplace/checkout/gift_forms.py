from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from marketplace.accounts import queries as accounts
from marketplace.accounts.types import User

__all__ = ["GiftForm"]


class GiftForm(forms.Form):
    """Whom a present is for, and what is written to them."""

    address = forms.EmailField(
        label=_("E-mail address of whoever gets it"),
        help_text=_("A link goes there once you have paid. They need no account yet."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    message = forms.CharField(
        label=_("A few words to go with it"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, giver: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._giver = giver

    def clean_address(self) -> str:
        """In small letters: mailboxes differ in no case, whoever has typed the address."""
        address = str(self.cleaned_data["address"]).strip().lower()
        own = {self._giver.email.lower(), *accounts.addresses_of(self._giver)}
        if address in own:
            raise forms.ValidationError(
                gettext("That is your own address. Enter the other person’s.")
            )
        return address
