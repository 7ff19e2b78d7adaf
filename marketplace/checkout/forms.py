from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.core.text import clean_line

__all__ = ["RefundForm"]


class RefundForm(forms.Form):
    """Why the money goes back, for the seller's own books."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        required=False,
        help_text=_("For your own records; the buyer does not see it."),
    )

    def clean_reason(self) -> str:
        return clean_line(self.cleaned_data["reason"])
