from __future__ import annotations

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Room for bills; 0004 fills it, 0005 insists on it (PostgreSQL wants them apart)."""

    dependencies = [
        ("orders", "0002_rights"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Bill",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("currency", models.CharField(max_length=3)),
                ("code", models.CharField(blank=True, help_text="The discount code, if one.", max_length=40)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("buyer", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="bills", to=settings.AUTH_USER_MODEL)),
            ],
            options={"ordering": ["-created_at"]},
        ),
        migrations.AddField(
            model_name="order",
            name="bill",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="orders", to="orders.bill"),
        ),
        migrations.AddField(
            model_name="order",
            name="kind",
            field=models.CharField(choices=[("purchase", "Purchase"), ("rental", "Rental"), ("subscription", "Subscription")], default="purchase", max_length=16),
        ),
        migrations.AddField(model_name="order", name="list_minor", field=models.PositiveBigIntegerField(default=0)),
        migrations.AddField(model_name="order", name="discount_minor", field=models.PositiveBigIntegerField(default=0)),
        migrations.AddField(model_name="order", name="credit_minor", field=models.PositiveBigIntegerField(default=0)),
        migrations.AddField(
            model_name="order",
            name="fee_minor",
            field=models.PositiveBigIntegerField(default=0, help_text="What the platform keeps of the price."),
        ),
        migrations.AddField(
            model_name="order",
            name="pool_minor",
            field=models.PositiveBigIntegerField(default=0, help_text="What of the price pays for delivery."),
        ),
        migrations.AddField(
            model_name="order",
            name="refunded_minor",
            field=models.PositiveBigIntegerField(default=0, help_text="What went back for good, in cash and as credit."),
        ),
        migrations.AddField(
            model_name="order",
            name="recipient_email",
            field=models.CharField(blank=True, default="", help_text="Whom it is a present for. Empty: for the buyer.", max_length=254),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="order",
            name="present_message",
            field=models.CharField(blank=True, default="", max_length=500),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="order",
            name="bundle_id",
            field=models.UUIDField(blank=True, help_text="The bundle that it was bought in.", null=True),
        ),
        migrations.AlterField(
            model_name="order",
            name="state",
            field=models.CharField(choices=[("pending", "Pending"), ("paid", "Paid"), ("expired", "Expired"), ("refunded", "Refunded"), ("charged_back", "Charged Back")], default="pending", max_length=16),
        ),
    ]
