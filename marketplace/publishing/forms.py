from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.catalog.errors import TermsError
from marketplace.catalog.services import LIMITS, check_terms
from marketplace.catalog.types import Listing, SaleTerms

__all__ = ["RightsForm", "SharingForm", "VersionForm"]

PLAY, SAVE, RENT = "play", "save", "rent"

_RENTAL = ("rental_hours", "start_days", "plays")
_FOR_GOOD = ("lend_days", "transferable")


class RightsForm(forms.Form):
    """What buyers get: to play, to save or to rent; and what they may pass on.

    Who subscribes may play, and nothing else: of a subscription nothing is asked.
    """

    rights = forms.ChoiceField(
        label=_("Buyers may"),
        choices=[
            (PLAY, _("Play: the files open in the Geobuk player and stay encrypted on the disk.")),
            (SAVE, _("Play and save: buyers may also keep plain copies and use any program.")),
            (RENT, _("Rent: the files play for some hours, and then no more.")),
        ],
        widget=forms.RadioSelect,
        help_text=_(
            "The player shows MP4 and WebM video, FLAC, MP3, M4A, Ogg and WAV audio, PDF, and "
            "JPEG, PNG, WebP and GIF pictures. A listing with any other kind of file needs saving."
        ),
    )
    rental_hours = forms.IntegerField(
        label=_("Hours to play"),
        required=False,
        min_value=1,
        max_value=LIMITS["rental_hours"],
        help_text=_("They begin with the buyer's first play, and are the same for all devices."),
    )
    start_days = forms.IntegerField(
        label=_("Days to begin"),
        required=False,
        min_value=1,
        max_value=LIMITS["start_days"],
        help_text=_("A rental that nobody has begun by then is over."),
    )
    plays = forms.IntegerField(
        label=_("Number of plays"),
        required=False,
        min_value=1,
        max_value=LIMITS["plays"],
        help_text=_("Left empty, it plays in these hours as often as the buyer likes."),
    )
    lend_days = forms.IntegerField(
        label=_("Days of a loan"),
        required=False,
        min_value=1,
        max_value=LIMITS["lend_days"],
        help_text=_("How long a buyer may lend it at a time. Left empty, it cannot be lent."),
    )
    transferable = forms.BooleanField(
        label=_("Buyers may pass it on for good, also after they have opened it"),
        required=False,
        help_text=_("Their devices must delete it first; a copied disk can keep it all the same."),
    )
    giftable = forms.BooleanField(
        label=_("Buyers may give it away as long as no device of theirs has fetched it"),
        required=False,
    )

    def __init__(self, data: Any = None, *, listing: Listing) -> None:
        super().__init__(data, initial=_initial(listing))
        self.is_subscription = listing.is_subscription
        if self.is_subscription:
            self.fields.clear()
            return
        for name, most in LIMITS.items():
            sentence = _("Choose from 1 to %(most)d.") % {"most": most}
            self.fields[name].error_messages.update(min_value=sentence, max_value=sentence)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.is_subscription:
            return cleaned
        # What the choice above hides is not asked for: what was left in it must not stop this.
        for name in _FOR_GOOD if cleaned.get("rights") == RENT else _RENTAL:
            self.errors.pop(name, None)
            cleaned[name] = None
        if not self.errors:
            try:
                check_terms(self.terms)
            except TermsError as error:
                self.add_error(error.field, str(error))
        return cleaned

    @property
    def terms(self) -> SaleTerms:
        """What the valid form says."""
        if self.is_subscription:
            return SaleTerms()
        cleaned = self.cleaned_data
        rental = cleaned["rights"] == RENT
        return SaleTerms(
            may_save=cleaned["rights"] == SAVE,
            # A rental without hours is none: 0 is refused at the field, and not passed over.
            rental_hours=(cleaned["rental_hours"] or 0) if rental else None,
            start_days=cleaned["start_days"],
            plays=cleaned["plays"],
            lend_days=cleaned["lend_days"],
            transferable=bool(cleaned["transferable"]),
            giftable=cleaned["giftable"],
        )


def _initial(listing: Listing) -> dict[str, Any]:
    rental = listing.rental_hours is not None
    return {
        "rights": RENT if rental else SAVE if listing.may_save else PLAY,
        "rental_hours": listing.rental_hours or 48,
        "start_days": listing.start_days or 30,
        "plays": listing.plays,
        "lend_days": listing.lend_days,
        "transferable": listing.transferable,
        "giftable": listing.giftable,
    }


class VersionForm(forms.Form):
    """What a seller says of a new version."""

    notes = forms.CharField(
        label=_("What is new"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Buyers read it in their library, beside the new version."),
    )


class SharingForm(forms.Form):
    """Who takes part in bringing the files to buyers."""

    swarm = forms.ChoiceField(
        label=_("How it is shared"),
        choices=[
            ("closed", _("Among buyers alone: each device shows a certificate of this shop")),
            ("open", _("Openly: buyers may also use another BitTorrent program to share it")),
        ],
        widget=forms.RadioSelect,
        help_text=_("Either way the files are encrypted, and only buyers’ licences open them."),
        error_messages={"required": _("Choose one.")},
    )
