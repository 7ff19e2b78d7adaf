"""The pages of a dispute, for a seller and for the operator: how it stands, and the answer."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.accounts.queries import person
from marketplace.checkout import services
from marketplace.checkout.dispute_forms import AnswerForm, EvidenceForm, slots
from marketplace.checkout.dispute_words import reason_of, standing_of
from marketplace.checkout.errors import NotYoursToAnswerError
from marketplace.core.errors import MarketplaceError
from marketplace.licensing import queries as licensing
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import (
    DisputeClosedError,
    EvidenceInvalidError,
    EvidenceRefusedError,
    PaymentsUnavailableError,
)

__all__ = ["dispute", "disputes", "evidence"]

PER_PAGE = 50


@login_required
@never_cache
@require_safe
def disputes(request: HttpRequest) -> HttpResponse:
    """The disputes that the person may see, the newest first."""
    by, now = person(request), timezone.now()
    page = Paginator(services.disputes_for(by), PER_PAGE).get_page(request.GET.get("page"))
    sold = services.orders_in_dispute(by, page.object_list)
    rows = [
        (row, standing_of(row), payments.may_answer(row, now=now), sold[row.payment.bill_id])
        for row in page.object_list
    ]
    return render(request, "checkout/disputes.html", {"page": page, "rows": rows})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def dispute(request: HttpRequest, dispute_id: uuid.UUID) -> HttpResponse:
    """How it stands, and what to say; pressed, keep it or hand it in."""
    if request.method != "POST":
        return _page(request, dispute_id)
    by, now = person(request), timezone.now()
    form = AnswerForm(request.POST)
    try:
        case = services.case_to_answer(by, dispute_id, now=now)
        if not form.is_valid():
            return _page(request, dispute_id, form=form, status=422)
        texts = form.cleaned_data
        if "hand_in" not in request.POST:
            payments.save_answer(dispute_id=dispute_id, texts=texts, by=by.pk, now=now)
            messages.success(request, _("Kept. It is not handed in yet."))
            return redirect("checkout:dispute", dispute_id)
        facts = services.facts_of(case)
        payments.hand_in_answer(dispute_id=dispute_id, texts=texts, facts=facts, by=by.pk, now=now)
    except (NotYoursToAnswerError, DisputeClosedError) as error:
        messages.warning(request, str(error))
        return redirect("checkout:dispute", dispute_id)
    except (EvidenceInvalidError, EvidenceRefusedError, PaymentsUnavailableError) as error:
        return _page(request, dispute_id, form=form, alert=str(error), status=_status(error))
    _follow(case.bill.pk)
    messages.success(request, _("Handed in. Now the bank decides; that may take weeks."))
    return redirect("checkout:dispute", dispute_id)


@login_required
@never_cache
@require_POST
def evidence(request: HttpRequest, dispute_id: uuid.UUID) -> HttpResponse:
    """Add a file to the answer, or leave one out (`remove` names what it shows)."""
    by, now = person(request), timezone.now()
    try:
        services.case_to_answer(by, dispute_id, now=now)
        if "remove" in request.POST:
            payments.remove_evidence_file(
                dispute_id=dispute_id, slot=request.POST["remove"], now=now
            )
            return redirect("checkout:dispute", dispute_id)
        form = EvidenceForm(request.POST, request.FILES)
        if not form.is_valid():
            return _page(request, dispute_id, upload=form, status=422)
        file = form.cleaned_data["file"]
        payments.add_evidence_file(
            dispute_id=dispute_id,
            slot=form.cleaned_data["slot"],
            name=file.name,
            content=file.read(),
            by=by.pk,
            now=now,
        )
    except (NotYoursToAnswerError, DisputeClosedError) as error:
        messages.warning(request, str(error))
    except (EvidenceInvalidError, EvidenceRefusedError, PaymentsUnavailableError) as error:
        return _page(request, dispute_id, alert=str(error), status=_status(error))
    return redirect("checkout:dispute", dispute_id)


def _page(
    request: HttpRequest,
    dispute_id: uuid.UUID,
    *,
    form: AnswerForm | None = None,
    upload: EvidenceForm | None = None,
    alert: str = "",
    status: int = 200,
) -> HttpResponse:
    case = services.case_for(person(request), dispute_id, now=timezone.now())
    answer = payment_queries.answer_of(dispute_id) if case.is_theirs else None
    names = dict(slots())
    files = payment_queries.evidence_files_of(dispute_id) if case.is_theirs else []
    context = {
        "case": case,
        "dispute": case.dispute,
        "movements": case.dispute.movements.all(),
        "reason": reason_of(case.dispute),
        "standing": standing_of(case.dispute),
        "answer": answer,
        "files": [(file, names[file.slot]) for file in files],
        "deliveries": [(order, licensing.deliveries_of(order.pk)) for order in case.orders],
        "form": form or AnswerForm(initial=answer.texts if answer else None),
        "upload": upload or EvidenceForm(),
        "alert": alert,
    }
    return render(request, "checkout/dispute.html", context, status=status)


def _status(error: MarketplaceError) -> int:
    if isinstance(error, PaymentsUnavailableError):
        return 503
    return 409 if isinstance(error, EvidenceRefusedError) else 422


def _follow(bill_id: uuid.UUID) -> None:
    """Show what Stripe says right after; where it cannot be asked, its event tells it too."""
    try:
        services.follow_disputes(bill_id=bill_id, now=timezone.now())
    except PaymentsUnavailableError:
        return
