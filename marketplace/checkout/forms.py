from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.core.money import Money, MoneyError, parse_money
from marketplace.core.text import clean_line

__all__ = ["RefundForm"]


class RefundForm(forms.Form):
    """How much goes back, and why, for the seller's own books.

    `left` is what has not gone back yet: the most that can. The key makes two presses of one
    page one refund.
    """

    amount = forms.CharField(
        label=_("Amount"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        required=False,
        help_text=_("For your own records; the buyer does not see it."),
    )
    key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any = None, *, left: Money) -> None:
        super().__init__(data, initial={"key": uuid.uuid4()})
        self.left = left
        self.fields["amount"].help_text = _(
            "Empty: all that is left, %(left)s. A part leaves the buyer what they bought."
        ) % {"left": left.localised()}

    def clean_amount(self) -> Money | None:
        typed = self.cleaned_data["amount"].strip()
        if not typed:
            return None
        try:
            amount = parse_money(typed, self.left.currency)
        except MoneyError as error:
            raise forms.ValidationError(str(error)) from None
        if not 0 < amount.minor <= self.left.minor:
            raise forms.ValidationError(
                _("Choose more than nothing, and at most %(left)s: so much is left.")
                % {"left": self.left.localised()}
            )
        return amount

    def clean_reason(self) -> str:
        return clean_line(self.cleaned_data["reason"])
