"""What a seller says of a listing, checked field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from marketplace.catalog import queries
from marketplace.catalog.covers import render_cover
from marketplace.catalog.errors import CoverError, TagError
from marketplace.catalog.models import Category, Listing
from marketplace.catalog.price_forms import PriceFields
from marketplace.catalog.sale_forms import (
    DESCRIPTION_LENGTH,
    TITLE_LENGTH,
    BundleForm,
    SaleForm,
)
from marketplace.catalog.services import split_tags
from marketplace.catalog.types import Cover, ListingDetails
from marketplace.core.text import can_be_seen, clean_line, clean_text

__all__ = [
    "DESCRIPTION_LENGTH",
    "TITLE_LENGTH",
    "BundleForm",
    "ListingForm",
    "PriceFields",
    "SaleForm",
]


if TYPE_CHECKING:
    _CategoryChoice = forms.ModelChoiceField[Category]
else:  # Django's class takes no type argument when it runs
    _CategoryChoice = forms.ModelChoiceField


class _CategoryField(_CategoryChoice):
    def label_from_instance(self, obj: Category) -> str:
        return obj.name


class ListingForm(PriceFields):
    """Call `details()` once it is valid, and pass that to create_listing or update_listing."""

    title = forms.CharField(
        label=_("Title"),
        max_length=TITLE_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=DESCRIPTION_LENGTH,
        help_text=_(
            "Markdown works: **bold**, # heading, - list, [link](https://…). HTML is shown as text."
        ),
        widget=forms.Textarea(attrs={"rows": 10}),
    )
    category = _CategoryField(
        label=_("Category"), queryset=Category.objects.none(), empty_label=_("Choose one")
    )
    tags = forms.CharField(
        label=_("Tags"),
        required=False,
        max_length=500,
        help_text=_("Up to ten, with commas between: piano, 피아노, live"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    cover = forms.FileField(
        label=_("Cover"),
        required=False,
        help_text=_("JPEG, PNG or WebP, at most 8 MB. Shown 4 wide to 3 high."),
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )
    remove_cover = forms.BooleanField(label=_("Remove the present cover"), required=False)

    def __init__(
        self, data: Any = None, files: Any = None, *, listing: Listing | None = None
    ) -> None:
        super().__init__(data, files, listing=listing, initial=_initial(listing))
        for name in ("title", "description", "tags"):
            # A browser would cut what is pasted at its end, and say nothing.
            self.fields[name].widget.attrs.pop("maxlength", None)
        category = self.fields["category"]
        assert isinstance(category, forms.ModelChoiceField)
        category.queryset = queries.categories()
        if listing is None or not listing.cover:
            del self.fields["remove_cover"]

    def clean_title(self) -> str:
        title = clean_line(self.cleaned_data["title"])
        if not can_be_seen(title):
            raise forms.ValidationError(_("Give it a title that can be read."))
        return title

    def clean_description(self) -> str:
        return clean_text(self.cleaned_data["description"])

    def clean_tags(self) -> tuple[str, ...]:
        try:
            return split_tags(self.cleaned_data["tags"])
        except TagError as error:
            raise forms.ValidationError(str(error)) from error

    def clean_cover(self) -> Cover | None:
        file = self.cleaned_data["cover"]
        if not isinstance(file, UploadedFile):
            return None
        try:
            return render_cover(cast("BinaryIO", file), size=file.size or 0)
        except CoverError as error:
            raise forms.ValidationError(str(error)) from error

    def details(self) -> ListingDetails:
        """What the valid form says."""
        cleaned = self.cleaned_data
        assert self.money is not None, "the form is valid"
        return ListingDetails(
            title=cleaned["title"],
            description=cleaned["description"],
            price=self.money,
            category=cleaned["category"],
            tags=cleaned["tags"],
            cover=cleaned["cover"],
            remove_cover=cleaned.get("remove_cover", False),
            pricing=self.price_terms,
        )


def _initial(listing: Listing | None) -> dict[str, Any]:
    if listing is None:
        return {}
    return {
        "title": listing.title,
        "description": listing.description,
        "category": listing.category_id,
        "tags": ", ".join(tag.name for tag in listing.tags.all()),
    }
