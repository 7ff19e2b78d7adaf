from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

__all__ = ["RightsForm", "VersionForm"]

PLAY, SAVE = "play", "save"


class RightsForm(forms.Form):
    """What buyers may do with the files."""

    rights = forms.ChoiceField(
        label=_("Buyers may"),
        choices=[
            (PLAY, _("Play: the files open in the Geobuk player and stay encrypted on the disk.")),
            (SAVE, _("Play and save: buyers may also keep plain copies and use any program.")),
        ],
        widget=forms.RadioSelect,
        help_text=_(
            "The player shows MP4 and WebM video, FLAC, MP3, M4A, Ogg and WAV audio, PDF, and "
            "JPEG, PNG, WebP and GIF pictures. A listing with any other kind of file needs saving."
        ),
    )

    def __init__(self, data: Any = None, *, may_save: bool) -> None:
        super().__init__(data, initial={"rights": SAVE if may_save else PLAY})

    @property
    def may_save(self) -> bool:
        """What the valid form says."""
        return bool(self.cleaned_data["rights"] == SAVE)


class VersionForm(forms.Form):
    """What a seller says of a new version."""

    notes = forms.CharField(
        label=_("What is new"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Buyers read it in their library, beside the new version."),
    )
