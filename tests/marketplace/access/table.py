"""Who gets which answer, address by address: written down by hand, compared by machine.

Columns: nobody (not logged in), ada (the buyer and owner), eve (another buyer), the seller,
the rival (another seller), the operator (superuser). 302 sends to log in, or on.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["API", "API_CALLERS", "CSRF_EXEMPT", "OPEN_BY_LINK", "PAGES", "Row"]

Statuses = tuple[int, ...]


def all_of(status: int) -> Statuses:
    """The same for everybody."""
    return (status,) * 6


def members(status: int) -> Statuses:
    """To log in for nobody, the same for everybody else."""
    return (302, *(status,) * 5)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One route: an address of it, and the six statuses of GET and of an empty POST."""

    path: str
    get: Statuses
    post: Statuses


PAGES: dict[str, Row] = {
    "accounts/": Row(path="/accounts/", get=members(200), post=members(200)),
    "accounts/become-seller/": Row(
        path="/accounts/become-seller/", get=members(200), post=members(200)
    ),
    # Their sellers' alone: everybody else has no number to keep.
    "accounts/tax-number/": Row(
        path="/accounts/tax-number/",
        get=(302, 404, 404, 200, 200, 404),
        post=(302, 404, 404, 200, 200, 404),
    ),
    "accounts/devices/": Row(path="/accounts/devices/", get=members(200), post=members(405)),
    "accounts/devices/<uuid:device_id>/name/": Row(
        path="/accounts/devices/{device}/name/",
        get=(302, 200, 404, 404, 404, 404),
        post=(302, 200, 404, 404, 404, 404),
    ),
    "accounts/devices/<uuid:device_id>/remove/": Row(
        path="/accounts/devices/{device}/remove/",
        get=(302, 200, 404, 404, 404, 404),
        post=(302, 302, 404, 404, 404, 404),
    ),
    "accounts/devices/remove/<str:signed>/": Row(
        path="/accounts/devices/remove/{removal}/", get=all_of(200), post=all_of(200)
    ),
    "device/": Row(path="/device/", get=members(200), post=members(422)),
    "device/approve/": Row(path="/device/approve/", get=all_of(302), post=all_of(302)),
    "device/done/": Row(path="/device/done/", get=all_of(302), post=members(405)),
    "oauth/device": Row(path="/oauth/device", get=all_of(400), post=all_of(400)),
    "oauth/token": Row(path="/oauth/token", get=all_of(400), post=all_of(400)),
    "accounts/login/": Row(
        path="/accounts/login/",
        get=(200, 302, 302, 302, 302, 302),
        post=(200, 302, 302, 302, 302, 302),
    ),
    "accounts/logout/": Row(path="/accounts/logout/", get=members(200), post=all_of(302)),
    "accounts/inactive/": Row(path="/accounts/inactive/", get=all_of(200), post=all_of(405)),
    "accounts/signup/": Row(
        path="/accounts/signup/",
        get=(200, 302, 302, 302, 302, 302),
        post=(200, 302, 302, 302, 302, 302),
    ),
    "accounts/reauthenticate/": Row(
        path="/accounts/reauthenticate/", get=members(200), post=members(200)
    ),
    "accounts/email/": Row(path="/accounts/email/", get=members(200), post=all_of(302)),
    "accounts/confirm-email/": Row(
        path="/accounts/confirm-email/", get=all_of(200), post=all_of(405)
    ),
    "accounts/password/change/": Row(
        path="/accounts/password/change/", get=members(200), post=members(200)
    ),
    "accounts/password/set/": Row(
        path="/accounts/password/set/", get=all_of(302), post=all_of(302)
    ),
    "accounts/password/reset/": Row(
        path="/accounts/password/reset/", get=all_of(200), post=all_of(200)
    ),
    "accounts/login/code/confirm/": Row(
        path="/accounts/login/code/confirm/", get=all_of(302), post=all_of(302)
    ),
    r"accounts/^confirm-email/(?P<key>[-:\w]+)/$": Row(
        path="/accounts/confirm-email/none/", get=all_of(200), post=all_of(404)
    ),
    "accounts/password/reset/key/done/": Row(
        path="/accounts/password/reset/key/done/", get=all_of(200), post=all_of(405)
    ),
    "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": Row(
        path="/accounts/password/reset/key/1-none/", get=all_of(200), post=all_of(200)
    ),
    "accounts/password/reset/done/": Row(
        path="/accounts/password/reset/done/", get=all_of(200), post=all_of(405)
    ),
    "accounts/2fa/": Row(path="/accounts/2fa/", get=members(200), post=members(405)),
    "accounts/2fa/authenticate/": Row(
        path="/accounts/2fa/authenticate/", get=all_of(302), post=all_of(302)
    ),
    "accounts/2fa/reauthenticate/": Row(
        path="/accounts/2fa/reauthenticate/", get=all_of(302), post=all_of(302)
    ),
    "accounts/2fa/totp/activate/": Row(
        path="/accounts/2fa/totp/activate/", get=all_of(302), post=all_of(302)
    ),
    "accounts/2fa/totp/deactivate/": Row(
        path="/accounts/2fa/totp/deactivate/", get=members(404), post=members(404)
    ),
    "accounts/2fa/recovery-codes/": Row(
        path="/accounts/2fa/recovery-codes/", get=members(404), post=members(405)
    ),
    "accounts/2fa/recovery-codes/generate/": Row(
        path="/accounts/2fa/recovery-codes/generate/", get=all_of(302), post=all_of(302)
    ),
    "accounts/2fa/recovery-codes/download/": Row(
        path="/accounts/2fa/recovery-codes/download/", get=members(404), post=members(404)
    ),
    "i18n/setlang/": Row(path="/i18n/setlang/", get=all_of(302), post=all_of(302)),
    "": Row(path="/", get=all_of(200), post=all_of(405)),
    "c/<slug:slug>/": Row(path="/c/music/", get=all_of(200), post=all_of(405)),
    "t/<str:slug>/": Row(path="/t/none/", get=all_of(404), post=all_of(405)),
    "s/<str:slug>/": Row(path="/s/{shop}/", get=all_of(200), post=all_of(405)),
    "search/": Row(path="/search/", get=all_of(200), post=all_of(405)),
    "l/<uuid:listing_id>/": Row(path="/l/{listing}/", get=all_of(200), post=all_of(405)),
    "l/<uuid:listing_id>": Row(path="/l/{listing}", get=all_of(200), post=all_of(405)),
    r"^media/covers/(?P<name>[0-9a-f]{32}(?:-small)?\.webp)$": Row(
        path="/media/covers/{cover}", get=all_of(200), post=all_of(405)
    ),
    "subscribe/<uuid:listing_id>/": Row(
        path="/subscribe/{series}/", get=members(200), post=(302, 302, 409, 409, 409, 409)
    ),
    "subscriptions/": Row(path="/subscriptions/", get=members(200), post=members(405)),
    "subscriptions/<uuid:order_id>/": Row(
        path="/subscriptions/{subscription}/",
        get=(302, 200, 404, 404, 404, 404),
        post=members(405),
    ),
    "subscriptions/<uuid:order_id>/cancel/": Row(
        path="/subscriptions/{subscription}/cancel/",
        get=(302, 302, 404, 404, 404, 404),
        post=(302, 302, 404, 404, 404, 404),
    ),
    "subscriptions/<uuid:order_id>/keep/": Row(
        path="/subscriptions/{subscription}/keep/",
        get=members(405),
        post=(302, 302, 404, 404, 404, 404),
    ),
    "subscriptions/<uuid:order_id>/pay/": Row(
        path="/subscriptions/{subscription}/pay/",
        get=members(405),
        post=(302, 302, 404, 404, 404, 404),
    ),
    "library/": Row(path="/library/", get=members(200), post=members(405)),
    "seeder/<str:name>": Row(path="/seeder/none.whl", get=all_of(404), post=all_of(405)),
    "library/owned/<uuid:listing_id>/": Row(
        path="/library/owned/{listing}/", get=(204, 200, 204, 204, 204, 204), post=all_of(405)
    ),
    "accounts/recovery/": Row(path="/accounts/recovery/", get=members(200), post=members(405)),
    "accounts/recovery/remove/": Row(
        path="/accounts/recovery/remove/", get=members(302), post=members(404)
    ),
    "handovers/": Row(path="/handovers/", get=members(200), post=members(405)),
    # Its owner has not logged in just now, and so is asked for the password first.
    "handovers/offer/<uuid:entitlement_id>/": Row(
        path="/handovers/offer/{entitlement}/",
        get=(302, 302, 404, 404, 404, 404),
        post=(302, 302, 404, 404, 404, 404),
    ),
    # Between ada, who gives, and the seller, who has accepted.
    "handovers/<uuid:handover_id>/": Row(
        path="/handovers/{handover}/", get=(302, 200, 404, 200, 404, 404), post=members(405)
    ),
    "handovers/<uuid:handover_id>/accept/": Row(
        path="/handovers/{handover}/accept/",
        get=members(405),
        post=(302, 302, 404, 302, 404, 404),
    ),
    "handovers/<uuid:handover_id>/decline/": Row(
        path="/handovers/{handover}/decline/",
        get=members(405),
        post=(302, 302, 404, 302, 404, 404),
    ),
    "handovers/<uuid:handover_id>/cancel/": Row(
        path="/handovers/{handover}/cancel/",
        get=members(405),
        post=(302, 302, 404, 302, 404, 404),
    ),
    "handovers/<uuid:handover_id>/renew/": Row(
        path="/handovers/{handover}/renew/",
        get=members(405),
        post=(302, 422, 404, 422, 404, 404),
    ),
    "handovers/<uuid:handover_id>/return/": Row(
        path="/handovers/{handover}/return/",
        get=members(405),
        post=(302, 302, 404, 302, 404, 404),
    ),
    "presents/": Row(path="/presents/", get=members(200), post=members(405)),
    # Bought by ada for an address; who has the link is the one it was given to.
    "presents/claim/<str:token>/": Row(
        path="/presents/claim/{token}/",
        get=all_of(200),
        post=(302, 409, 302, 302, 302, 302),
    ),
    "presents/<uuid:present_id>/": Row(
        path="/presents/{present}/", get=(302, 200, 404, 404, 404, 404), post=members(405)
    ),
    "presents/<uuid:present_id>/send/": Row(
        path="/presents/{present}/send/",
        get=members(405),
        post=(302, 302, 404, 404, 404, 404),
    ),
    "presents/<uuid:present_id>/address/": Row(
        path="/presents/{present}/address/",
        get=members(405),
        post=(302, 422, 404, 404, 404, 404),
    ),
    "presents/<uuid:present_id>/keep/": Row(
        path="/presents/{present}/keep/",
        get=members(405),
        post=(302, 302, 404, 404, 404, 404),
    ),
    ".well-known/geobuk.json": Row(
        path="/.well-known/geobuk.json", get=all_of(200), post=all_of(405)
    ),
    "^api/": Row(path="/api/", get=all_of(404), post=all_of(404)),
    "buy/<uuid:listing_id>/": Row(
        path="/buy/{listing}/",
        get=(302, 200, 200, 200, 200, 200),
        post=(302, 409, 409, 409, 409, 409),
    ),
    "bills/<uuid:bill_id>/": Row(
        path="/bills/{bill}/", get=(302, 302, 404, 404, 404, 404), post=members(405)
    ),
    # To fill a cart needs no log-in. What ada has, she is asked about first.
    "cart/": Row(path="/cart/", get=all_of(200), post=all_of(405)),
    "cart/badge/": Row(path="/cart/badge/", get=all_of(200), post=all_of(405)),
    "cart/add/<uuid:listing_id>/": Row(
        path="/cart/add/{listing}/", get=all_of(405), post=(302, 409, 302, 403, 302, 302)
    ),
    "cart/agree/": Row(path="/cart/agree/", get=all_of(405), post=all_of(400)),
    "cart/offer/": Row(path="/cart/offer/", get=all_of(405), post=all_of(400)),
    "cart/remove/": Row(path="/cart/remove/", get=all_of(405), post=all_of(400)),
    "cart/pay/": Row(path="/cart/pay/", get=all_of(302), post=members(409)),
    "gift/<uuid:listing_id>/": Row(
        path="/gift/{listing}/",
        get=(302, 200, 200, 302, 200, 200),
        post=(302, 422, 422, 302, 422, 422),
    ),
    "bills/<uuid:bill_id>/receipt.pdf": Row(
        path="/bills/{bill}/receipt.pdf", get=(302, 200, 404, 404, 404, 404), post=members(405)
    ),
    "orders/<uuid:order_id>/receipt.pdf": Row(
        path="/orders/{order}/receipt.pdf", get=(302, 200, 404, 404, 404, 404), post=members(405)
    ),
    # Ada's device has fetched it: too late to withdraw, so it leads back to the order.
    "orders/<uuid:order_id>/withdraw/": Row(
        path="/orders/{order}/withdraw/",
        get=(302, 302, 404, 404, 404, 404),
        post=(302, 302, 404, 404, 404, 404),
    ),
    "orders/<uuid:order_id>/": Row(
        path="/orders/{order}/", get=(302, 200, 404, 404, 404, 404), post=members(405)
    ),
    "studio/earnings/": Row(path="/studio/earnings/", get=members(200), post=members(405)),
    "studio/earnings/statement/": Row(
        path="/studio/earnings/statement/", get=members(200), post=members(405)
    ),
    "studio/earnings/statement.csv": Row(
        path="/studio/earnings/statement.csv", get=members(200), post=members(405)
    ),
    "studio/get-paid/": Row(
        path="/studio/get-paid/",
        get=(302, 302, 302, 200, 200, 302),
        post=(302, 302, 302, 422, 422, 302),
    ),
    "studio/get-paid/bank/": Row(
        path="/studio/get-paid/bank/?country=KR",
        get=(302, 302, 302, 200, 200, 302),
        post=(302, 302, 302, 422, 422, 302),
    ),
    "studio/get-paid/stripe/": Row(
        path="/studio/get-paid/stripe/", get=all_of(302), post=all_of(302)
    ),
    "studio/get-paid/back/": Row(path="/studio/get-paid/back/", get=all_of(302), post=all_of(405)),
    "studio/disputes/": Row(path="/studio/disputes/", get=members(200), post=members(405)),
    "studio/disputes/<uuid:dispute_id>/": Row(
        path="/studio/disputes/{dispute}/",
        get=(302, 404, 404, 200, 404, 200),
        post=(302, 404, 404, 302, 404, 302),
    ),
    "studio/disputes/<uuid:dispute_id>/files/": Row(
        path="/studio/disputes/{dispute}/files/",
        get=members(405),
        post=(302, 404, 404, 422, 404, 422),
    ),
    "studio/sales/": Row(path="/studio/sales/", get=members(200), post=members(405)),
    "studio/sales/<uuid:order_id>/refund/": Row(
        path="/studio/sales/{order}/refund/",
        get=(302, 404, 404, 200, 404, 200),
        post=(302, 404, 404, 409, 404, 409),
    ),
    "webhooks/stripe/": Row(path="/webhooks/stripe/", get=all_of(405), post=all_of(400)),
    "studio/": Row(path="/studio/", get=(302, 302, 302, 200, 200, 302), post=all_of(405)),
    "studio/new/": Row(
        path="/studio/new/", get=(302, 302, 302, 200, 200, 302), post=(302, 302, 302, 200, 200, 302)
    ),
    "credit/": Row(path="/credit/", get=members(200), post=members(405)),
    "credit/deliveries/": Row(path="/credit/deliveries/", get=members(200), post=members(405)),
    "studio/earnings/delivery/": Row(
        path="/studio/earnings/delivery/", get=members(200), post=members(405)
    ),
    "studio/codes/": Row(
        path="/studio/codes/", get=(302, 302, 302, 200, 200, 302), post=all_of(405)
    ),
    "studio/codes/new/": Row(
        path="/studio/codes/new/",
        get=(302, 302, 302, 200, 200, 302),
        post=(302, 302, 302, 422, 422, 302),
    ),
    "studio/codes/<uuid:code_id>/end/": Row(
        path="/studio/codes/{code}/end/", get=all_of(405), post=(302, 302, 302, 302, 404, 302)
    ),
    "bundles/<uuid:bundle_id>/": Row(path="/bundles/{bundle}/", get=all_of(200), post=all_of(405)),
    "bundles/<uuid:bundle_id>/buy/": Row(
        # Without the tokens of what was seen, nothing is begun.
        path="/bundles/{bundle}/buy/",
        get=members(405),
        post=members(409),
    ),
    "studio/bundles/": Row(
        path="/studio/bundles/", get=(302, 302, 302, 200, 200, 302), post=all_of(405)
    ),
    "studio/bundles/new/": Row(
        path="/studio/bundles/new/",
        get=(302, 302, 302, 200, 200, 302),
        post=(302, 302, 302, 422, 422, 302),
    ),
    "studio/bundles/<uuid:bundle_id>/": Row(
        path="/studio/bundles/{bundle}/",
        get=(302, 302, 302, 200, 404, 302),
        post=(302, 302, 302, 422, 404, 302),
    ),
    "studio/bundles/<uuid:bundle_id>/publish/": Row(
        path="/studio/bundles/{bundle}/publish/",
        get=all_of(405),
        post=(302, 302, 302, 302, 404, 302),
    ),
    "studio/bundles/<uuid:bundle_id>/withdraw/": Row(
        path="/studio/bundles/{bundle}/withdraw/",
        get=all_of(405),
        post=(302, 302, 302, 302, 404, 302),
    ),
    "studio/price-note/": Row(
        path="/studio/price-note/", get=(302, 302, 302, 200, 200, 302), post=all_of(405)
    ),
    "studio/<uuid:listing_id>/sale/": Row(
        path="/studio/{listing}/sale/",
        get=(302, 302, 302, 200, 404, 302),
        post=(302, 302, 302, 422, 404, 302),
    ),
    "studio/<uuid:listing_id>/sale/<uuid:sale_id>/end/": Row(
        path="/studio/{listing}/sale/{sale}/end/",
        get=all_of(405),
        post=(302, 302, 302, 302, 404, 302),
    ),
    "studio/<uuid:listing_id>/": Row(
        path="/studio/{draft}/",
        get=(302, 302, 302, 200, 404, 302),
        post=(302, 302, 302, 200, 404, 302),
    ),
    "studio/<uuid:listing_id>/withdraw/": Row(
        path="/studio/{draft}/withdraw/", get=all_of(405), post=(302, 302, 302, 409, 404, 302)
    ),
    "studio/<uuid:listing_id>/resume/": Row(
        path="/studio/{draft}/resume/", get=all_of(405), post=(302, 302, 302, 409, 404, 302)
    ),
    "studio/<uuid:listing_id>/files/": Row(
        path="/studio/{draft}/files/", get=(302, 302, 302, 200, 404, 302), post=all_of(405)
    ),
    "studio/<uuid:listing_id>/files/list/": Row(
        path="/studio/{draft}/files/list/", get=(302, 302, 302, 302, 404, 302), post=all_of(405)
    ),
    "studio/<uuid:listing_id>/publish/": Row(
        path="/studio/{draft}/publish/",
        get=(302, 302, 302, 302, 404, 302),
        post=(302, 302, 302, 422, 404, 302),
    ),
    "studio/<uuid:listing_id>/progress/": Row(
        path="/studio/{draft}/progress/", get=(302, 302, 302, 200, 404, 302), post=all_of(405)
    ),
    # A draft has nothing to share yet.
    "studio/<uuid:listing_id>/sharing/": Row(
        path="/studio/{draft}/sharing/",
        get=(302, 302, 302, 302, 404, 302),
        post=(302, 302, 302, 302, 404, 302),
    ),
    "studio/<uuid:listing_id>/version/": Row(
        path="/studio/{draft}/version/", get=(302, 302, 302, 200, 404, 302), post=all_of(405)
    ),
    "studio/<uuid:listing_id>/version/files/": Row(
        path="/studio/{draft}/version/files/", get=(302, 302, 302, 302, 404, 302), post=all_of(405)
    ),
    "studio/<uuid:listing_id>/version/progress/": Row(
        path="/studio/{draft}/version/progress/",
        get=(302, 302, 302, 200, 404, 302),
        post=all_of(405),
    ),
    "studio/<uuid:listing_id>/version/begin/": Row(
        path="/studio/{draft}/version/begin/",
        get=all_of(405),
        post=(302, 302, 302, 302, 404, 302),
    ),
    "studio/<uuid:listing_id>/version/drop/": Row(
        path="/studio/{draft}/version/drop/",
        get=all_of(405),
        post=(302, 302, 302, 302, 404, 302),
    ),
    "studio/<uuid:listing_id>/version/publish/": Row(
        path="/studio/{draft}/version/publish/",
        get=(302, 302, 302, 302, 404, 302),
        post=(302, 302, 302, 302, 404, 302),
    ),
    "studio/<uuid:listing_id>/files/<uuid:upload_id>/move/": Row(
        path="/studio/{draft}/files/{upload}/move/",
        get=all_of(405),
        post=(302, 302, 302, 302, 404, 302),
    ),
    "studio/<uuid:listing_id>/files/<uuid:upload_id>/remove/": Row(
        path="/studio/{draft}/files/{upload}/remove/",
        get=all_of(405),
        post=(302, 302, 302, 302, 404, 302),
    ),
    "sandbox/mail/": Row(path="/sandbox/mail/", get=all_of(200), post=all_of(405)),
}

# No cookie counts there: a proof, a code or a signature says who calls.
CSRF_EXEMPT = {"oauth/device", "oauth/token", "webhooks/stripe/"}
# The mail's link removes a device without a log-in, for an owner who was locked out.
OPEN_BY_LINK = "accounts/devices/remove/<str:signed>/"

# Whose seeder calls: none, ada's, ada's other one, eve's, the seller's, the rival's, the
# operator's, and one of ada's that she has removed.
API_CALLERS = ("nobody", "ada", "phone", "eve", "seller", "rival", "operator", "removed")
API: dict[tuple[str, str], Statuses] = {
    ("GET", "/api/v1/me"): (401, 200, 200, 200, 200, 200, 200, 401),
    ("GET", "/api/v1/library"): (401, 200, 200, 200, 200, 200, 200, 401),
    ("GET", "/api/v1/packages/{package}/manifest"): (401, 200, 200, 404, 404, 404, 404, 401),
    ("GET", "/api/v1/packages/{package}/torrent"): (401, 200, 200, 404, 404, 404, 404, 401),
    ("POST", "/api/v1/packages/{package}/licence"): (401, 200, 200, 404, 404, 404, 404, 401),
    # A licence is its device's alone: not even ada's phone asks about that of her desk.
    ("GET", "/api/v1/licences/{licence_id}/status"): (401, 200, 404, 404, 404, 404, 404, 401),
    ("GET", "/api/v1/device/status"): (401, 200, 200, 200, 200, 200, 200, 401),
    # Hers opens without leases, so 409 for its own device.
    ("POST", "/api/v1/licences/{licence_id}/lease"): (401, 409, 404, 404, 404, 404, 404, 401),
    # Not covered by a head yet, so 404 for its own device, too: proof_not_ready.
    ("GET", "/api/v1/licences/{licence_id}/proof"): (401, 404, 404, 404, 404, 404, 404, 401),
    # The signed head of the audit log is for everybody.
    ("GET", "/api/v1/audit/head"): (200, 200, 200, 200, 200, 200, 200, 200),
    ("GET", "/api/v1/handovers"): (401, 200, 200, 200, 200, 200, 200, 401),
    # An empty word is none, and only ada's desk is asked for one.
    ("POST", "/api/v1/handovers/{handover}/surrender"): (401, 422, 404, 404, 404, 404, 404, 401),
    ("POST", "/api/v1/swarm/label"): (401, 200, 200, 200, 200, 200, 200, 401),
    ("POST", "/api/v1/packages/{package}/certificate"): (401, 200, 200, 404, 404, 404, 404, 401),
    ("POST", "/api/v1/swarm/announce"): (401, 200, 200, 200, 200, 200, 200, 401),
    # Everybody hands in their own.
    ("POST", "/api/v1/swarm/receipts"): (401, 200, 200, 200, 200, 200, 200, 401),
    ("PUT", "/api/v1/progress"): (401, 200, 200, 200, 200, 200, 200, 401),
    ("GET", "/api/v1/devices"): (401, 200, 200, 200, 200, 200, 200, 401),
    # Each of ada's devices may remove each: whoever has lost one holds another.
    ("DELETE", "/api/v1/devices/{device}"): (401, 204, 204, 404, 404, 404, 404, 401),
    ("GET", "/api/v1/unlock"): (401, 200, 200, 200, 200, 200, 200, 401),
    # Everybody registers for themselves; nobody in the trade has one to remove.
    ("PUT", "/api/v1/recovery-key"): (401, 200, 200, 200, 200, 200, 200, 401),
    ("DELETE", "/api/v1/recovery-key"): (401, 404, 404, 404, 404, 404, 404, 401),
    ("DELETE", "/api/v1/device"): (401, 204, 204, 204, 204, 204, 204, 401),
}
