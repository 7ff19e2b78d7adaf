"""A Stripe of our own, for one machine: the API that the shop calls, the hosted page, the webhooks.

It runs as its own process, without Django, and keeps its state in one SQLite file:

    python -m marketplace.sandbox.stripe_emulator --port 8010 --data stripe.sqlite3 \
        --webhook http://127.0.0.1:8000/webhooks/stripe/ --secret whsec_…

What a request may contain is read from the types of the installed Stripe SDK. So it
shows that we follow those types, not that Stripe's live service behaves the same.
An address that it does not have is answered as unknown, never with something made up.
"""

from __future__ import annotations

__all__: list[str] = []
