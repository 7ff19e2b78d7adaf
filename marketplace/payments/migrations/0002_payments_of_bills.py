from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]

    operations = [
        migrations.RemoveConstraint(model_name="payment", name="payments_one_payment_per_order"),
        # Each order so far is its own bill, under the same id.
        migrations.RenameField(model_name="payment", old_name="order_id", new_name="bill_id"),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(fields=("bill_id",), name="payments_one_payment_per_bill"),
        ),
        migrations.AlterField(
            model_name="payment",
            name="amount_minor",
            field=models.PositiveBigIntegerField(help_text="0: shop credit paid it all."),
        ),
        migrations.AddField(
            model_name="payment",
            name="sole_order_id",
            field=models.UUIDField(blank=True, help_text="The order, where the bill has just one.", null=True),
        ),
        migrations.AddField(model_name="payment", name="charge_id", field=models.CharField(blank=True, default="", max_length=120), preserve_default=False),
        migrations.AddField(model_name="payment", name="balance_transaction_id", field=models.CharField(blank=True, default="", max_length=120), preserve_default=False),
        migrations.AddField(
            model_name="payment",
            name="stripe_fee_minor",
            field=models.BigIntegerField(blank=True, help_text="What Stripe kept; empty until it says so.", null=True),
        ),
        migrations.AddField(
            model_name="payment",
            name="tax_minor",
            field=models.PositiveBigIntegerField(default=0, help_text="Included in the amount."),
        ),
        migrations.AddField(
            model_name="payment",
            name="destination",
            field=models.CharField(blank=True, default="", help_text="The seller's account at Stripe, if it is paid there.", max_length=120),
            preserve_default=False,
        ),
        migrations.AddField(model_name="payment", name="application_fee_minor", field=models.PositiveBigIntegerField(default=0)),
        migrations.RemoveConstraint(model_name="refund", name="payments_one_requested_refund_per_payment"),
        migrations.AddField(
            model_name="refund",
            name="order_id",
            field=models.UUIDField(blank=True, help_text="Empty: made at Stripe for a bill of several orders.", null=True),
        ),
        migrations.AlterField(
            model_name="refund",
            name="amount_minor",
            field=models.PositiveBigIntegerField(help_text="What goes back by Stripe."),
        ),
        migrations.AddField(
            model_name="refund",
            name="credit_minor",
            field=models.PositiveBigIntegerField(default=0, help_text="What goes back as shop credit besides."),
        ),
        migrations.AddField(model_name="refund", name="balance_transaction_id", field=models.CharField(blank=True, default="", max_length=120), preserve_default=False),
        migrations.AddField(
            model_name="refund",
            name="failure_transaction_id",
            field=models.CharField(blank=True, default="", help_text="Of the money that came back to us.", max_length=120),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                condition=models.Q(state="requested"),
                fields=("payment", "order_id"),
                name="payments_one_requested_refund_per_order",
            ),
        ),
    ]
