"""The receipt as a PDF on A4: the same bytes for the same receipt in the same language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from fpdf import FPDF
from fpdf.fonts import FontFace

from marketplace.accounts.queries import country_name
from marketplace.checkout.receipt_fonts import BOLD, REGULAR, font_file, writable
from marketplace.checkout.receipts import Receipt, ReceiptLine
from marketplace.core.money import Money

__all__ = ["receipt_pdf"]

_FAMILY: Final = "shop"
_MARGIN: Final = 20  # mm
_LINE: Final = 6  # mm
_SMALL, _TEXT, _LARGE = 9, 10.5, 20  # points
_GREY: Final = 110


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What is written, in the order in which it stands on the paper."""

    title: str
    facts: list[tuple[str, str]]
    heading: tuple[str, ...]
    rows: list[tuple[str, ...]]
    sums: list[tuple[str, str]]
    notes: list[str]


def receipt_pdf(receipt: Receipt) -> bytes:
    """The receipt in the present language. Amounts as people of that language write them."""
    sheet = _sheet(receipt)
    paper = FPDF(format="A4")
    paper.set_margin(_MARGIN)
    paper.set_auto_page_break(auto=True, margin=_MARGIN)
    # Neither the clock nor the library's version may change a byte.
    paper.set_creation_date(receipt.paid_at)
    paper.set_producer(settings.SITE_NAME)
    paper.set_title(f"{sheet.title} {receipt.number}")
    paper.set_lang(get_language() or "en")
    paper.add_font(_FAMILY, "", font_file(REGULAR))
    paper.add_font(_FAMILY, "B", font_file(BOLD))
    paper.add_page()
    _draw(paper, sheet)
    return bytes(paper.output())


def _sheet(receipt: Receipt) -> _Sheet:
    sheet = _Sheet(
        title=_("Invoice") if receipt.is_invoice else _("Receipt"),
        facts=[(label, value) for label, value in _facts(receipt) if value],
        heading=(_("Item"), _("Seller"), _("Price")),
        rows=[_row(line) for line in receipt.lines],
        sums=_sums(receipt),
        notes=[note for note in _notes(receipt) if note],
    )
    return _Sheet(
        title=writable(sheet.title),
        facts=[(writable(label), writable(value)) for label, value in sheet.facts],
        heading=tuple(writable(cell) for cell in sheet.heading),
        rows=[tuple(writable(cell) for cell in row) for row in sheet.rows],
        sums=[(writable(label), writable(value)) for label, value in sheet.sums],
        notes=[writable(note) for note in sheet.notes],
    )


def _facts(receipt: Receipt) -> Iterable[tuple[str, str]]:
    paid = formats.date_format(timezone.localtime(receipt.paid_at), "DATE_FORMAT")
    yield _("Number"), receipt.number
    yield _("Date"), paid
    yield _("Issued by"), settings.RECEIPT_ISSUER or settings.SITE_NAME
    yield _("Address"), settings.RECEIPT_ADDRESS
    yield _("VAT or GST number"), settings.RECEIPT_TAX_NUMBER
    yield _("Buyer"), receipt.buyer_email
    yield _("Country"), country_name(receipt.buyer_country)
    yield _("VAT or GST number of the buyer"), receipt.buyer_tax_id


def _row(line: ReceiptLine) -> tuple[str, ...]:
    item = f"{line.title} · {line.number}"
    if line.recipient:
        item += " · " + _("a present for %(email)s") % {"email": line.recipient}
    seller = (line.seller, country_name(line.seller_country), line.seller_tax_number)
    return item, ", ".join(filter(None, seller)), line.list_price.localised()


def _sums(receipt: Receipt) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    if receipt.discount.minor:
        label = _("Discount")
        if receipt.code:
            label = _("Discount by the code %(code)s") % {"code": receipt.code}
        told.append((label, _minus(receipt.discount)))
        told.append((_("Total"), receipt.total.localised()))
    if receipt.tax.minor:
        told.append((_("Tax included in it"), receipt.tax.localised()))
    if receipt.credit.minor:
        told.append((_("Paid with shop credit"), receipt.credit.localised()))
    if receipt.cash.minor:
        told.append((_("Paid by Stripe"), receipt.cash.localised()))
    if receipt.refunded.minor:
        label = _("Refunded")
        if receipt.refunded_at is not None:
            day = formats.date_format(timezone.localtime(receipt.refunded_at), "DATE_FORMAT")
            label = _("Refunded on %(date)s") % {"date": day}
        told.append((label, _minus(receipt.refunded)))
    if receipt.charged_back.minor:
        told.append((_("Taken back by the bank"), _minus(receipt.charged_back)))
    told.append((_("Paid in all"), receipt.kept.localised()))
    return told


def _notes(receipt: Receipt) -> Iterable[str]:
    for line in receipt.lines:
        if line.state == "charged_back":
            yield _("The bank took back the money for %(number)s.") % {"number": line.number}
    if not receipt.tax.minor and receipt.total.minor:
        yield _("No tax is shown: the shop reckoned none for this sale.")
    page = settings.SITE_URL + reverse("checkout:order", args=[receipt.order_id])
    yield _("The order and its state: %(address)s") % {"address": page}


def _minus(amount: Money) -> str:
    return f"− {amount.localised()}"


def _draw(paper: FPDF, sheet: _Sheet) -> None:
    paper.set_font(_FAMILY, "B", _LARGE)
    paper.cell(text=sheet.title, h=12, new_x="LMARGIN", new_y="NEXT")
    paper.ln(_LINE / 2)
    _draw_facts(paper, sheet.facts)
    paper.ln(_LINE)
    paper.set_font(_FAMILY, "", _TEXT)
    with paper.table(
        borders_layout="HORIZONTAL_LINES",
        col_widths=(90, 50, 30),
        headings_style=FontFace(emphasis="BOLD"),
        line_height=_LINE,
        padding=1,
        text_align=("LEFT", "LEFT", "RIGHT"),
        v_align="TOP",
    ) as table:
        for cells in (sheet.heading, *sheet.rows):
            table.row(cells)
    paper.ln(_LINE / 2)
    _draw_sums(paper, sheet.sums)
    paper.ln(_LINE)
    paper.set_font(_FAMILY, "", _SMALL)
    paper.set_text_color(_GREY)
    for note in sheet.notes:
        paper.multi_cell(0, _LINE - 1, note, align="LEFT", new_x="LMARGIN", new_y="NEXT")


def _draw_facts(paper: FPDF, facts: list[tuple[str, str]]) -> None:
    for label, value in facts:
        paper.set_font(_FAMILY, "", _SMALL)
        paper.set_text_color(_GREY)
        paper.multi_cell(60, _LINE, label, align="LEFT", new_x="RIGHT", new_y="TOP")
        paper.set_font(_FAMILY, "", _TEXT)
        paper.set_text_color(0)
        paper.multi_cell(0, _LINE, value, align="LEFT", new_x="LMARGIN", new_y="NEXT")


def _draw_sums(paper: FPDF, sums: list[tuple[str, str]]) -> None:
    for label, value in sums:
        paper.set_font(_FAMILY, "B" if (label, value) == sums[-1] else "", _TEXT)
        paper.cell(paper.epw - 45, _LINE + 1, label, align="RIGHT")
        paper.cell(45, _LINE + 1, value, align="RIGHT", new_x="LMARGIN", new_y="NEXT")
