"""What may be written, and added, to answer a dispute."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.core.text import clean_text
from marketplace.payments.types import EvidenceFile

__all__ = ["AnswerForm", "EvidenceForm", "slots"]

_LONGEST = 20_000  # characters, as Stripe takes
_LARGEST = 4_500_000  # bytes, as Stripe takes for all files together


class AnswerForm(forms.Form):
    """The shop's words to the bank; the fields have Stripe's names."""

    uncategorized_text = forms.CharField(
        label=_("Your answer"),
        required=False,
        max_length=_LONGEST,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_(
            "Say in a few sentences what was bought, how the buyer got it, and what you wrote to"
            " each other. The bank reads English best."
        ),
    )
    product_description = forms.CharField(
        label=_("What was sold"),
        required=False,
        max_length=_LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Left empty, title and price of the order are sent."),
    )
    refund_refusal_explanation = forms.CharField(
        label=_("Why no refund is due"),
        required=False,
        max_length=_LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        return {name: clean_text(text) for name, text in fields.items()}


def slots() -> list[tuple[str, Any]]:
    """What a file may show, by Stripe's names."""
    return [
        (EvidenceFile.Slot.RECEIPT, _("Receipt or invoice")),
        (EvidenceFile.Slot.CUSTOMER_COMMUNICATION, _("What you and the buyer wrote")),
        (EvidenceFile.Slot.SERVICE_DOCUMENTATION, _("Proof that it was delivered")),
        (EvidenceFile.Slot.UNCATEGORIZED, _("Anything else")),
    ]


class EvidenceForm(forms.Form):
    """One file for the answer."""

    slot = forms.ChoiceField(label=_("What it shows"), choices=slots)
    file = forms.FileField(
        label=_("File"),
        help_text=_("A PDF or a picture (PNG, JPEG); all files together at most 4.5 MB."),
        widget=forms.ClearableFileInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg"}),
        max_length=200,
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > _LARGEST:
            raise forms.ValidationError(
                _("This file is larger than 4.5 MB. Make it smaller, or send a part of it.")
            )
        return file
