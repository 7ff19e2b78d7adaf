"""Forms of handovers. What is allowed is decided by the services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from marketplace.handovers.models import Handover
from marketplace.handovers.types import Choice

__all__ = ["AddressForm", "OfferForm", "RenewForm"]

_Kind = Handover.Kind
_LABELS = {
    _Kind.LOAN: _("Lend it, for some days"),
    _Kind.GIFT: _("Give it away, unopened"),
    _Kind.TRANSFER: _("Pass it on, for good"),
}


def _days_hint(most: int) -> str:
    return ngettext("At most %d day.", "At most %d days.", most) % most


def _limit_days(field: forms.Field, most: int) -> None:
    field.help_text = _days_hint(most)
    field.widget.attrs["max"] = most
    field.error_messages["min_value"] = gettext("Choose 1 to %d days.") % most


class OfferForm(forms.Form):
    """Whom to offer it to, and in which of the ways that are possible now."""

    kind = forms.ChoiceField(
        label=_("How"), widget=forms.RadioSelect, error_messages={"required": _("Choose one.")}
    )
    address = forms.EmailField(
        label=_("E-mail address of the other person"),
        help_text=_("They accept with an account of this address; it can be made then."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    days = forms.IntegerField(label=_("Days of the loan"), required=False, min_value=1)

    def __init__(self, *args: Any, choices: Sequence[Choice], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        kind.choices = [(choice.kind, _LABELS[_Kind(choice.kind)]) for choice in choices]
        if len(choices) == 1:
            kind.initial = choices[0].kind
        most = next((c.most_days for c in choices if c.most_days is not None), None)
        if most is None:
            del self.fields["days"]
        else:
            self.fields["days"].initial = min(14, most)
            _limit_days(self.fields["days"], most)


class RenewForm(forms.Form):
    """For how many days from today a loan goes on."""

    days = forms.IntegerField(label=_("Days from today"), min_value=1)

    def __init__(self, *args: Any, most_days: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].initial = most_days
        _limit_days(self.fields["days"], most_days)


class AddressForm(forms.Form):
    """Where a present goes instead."""

    address = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
