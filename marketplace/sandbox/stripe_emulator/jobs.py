"""What happens by itself when its time has come: expiry, and money that arrives later."""

from __future__ import annotations

from marketplace.sandbox.stripe_emulator import (
    connect,
    disputes,
    payments,
    payouts,
    refunds,
    sessions,
    subscriptions,
)
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["run_due_jobs"]


def run_due_jobs(world: World) -> int:
    """Do everything that is due now. Returns how many jobs that were."""
    done = 0
    while _run_one(world):
        done += 1
    return done


def _run_one(world: World) -> bool:
    with world.store.transaction():
        job = world.store.take_job(world.now())
        if job is None:
            return False
        kind, object_id = job
        match kind:
            case "expire_session":
                sessions.expire_if_due(world, world.get(object_id, "checkout.session"))
            case "settle_payment" | "fail_payment":
                payments.settle(world, object_id, succeeds=kind == "settle_payment")
            case "settle_refund" | "fail_refund":
                refunds.settle(world, object_id, succeeds=kind == "settle_refund")
            case "verify_account":
                connect.finish(world, object_id, verdict="verified")
            case "settle_payout" | "fail_payout":
                payouts.settle(world, object_id, succeeds=kind == "settle_payout")
            case _ if kind in subscriptions.JOBS:
                subscriptions.JOBS[kind](world, object_id)
            case _ if kind in disputes.JOBS:
                disputes.JOBS[kind](world, object_id)
    return True
