from django.db import migrations, models

import marketplace.orders.numbers


class Migration(migrations.Migration):
    """Bills of before keep none: what was printed with an order's number is printed so again."""

    dependencies = [("orders", "0007_sellers_tax_number")]

    operations = [
        migrations.AddField(
            model_name="bill",
            name="number",
            field=models.CharField(max_length=20, null=True, unique=True),
        ),
        migrations.AlterField(
            model_name="bill",
            name="number",
            field=models.CharField(
                default=marketplace.orders.numbers.new_bill_number,
                help_text="For people: B-7K2M-Q9XT. None for bills whose receipts had their order's.",
                max_length=20,
                null=True,
                unique=True,
            ),
        ),
    ]
