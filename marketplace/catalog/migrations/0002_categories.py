from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

CATEGORIES = [
    ("film", "Film", "영화"),
    ("music", "Music", "음악"),
    ("books", "Books", "책"),
    ("comics-art", "Comics & art", "만화·그림"),
    ("software-games", "Software & games", "소프트웨어·게임"),
    ("courses", "Courses", "강의"),
    ("photos", "Photos", "사진"),
    ("other", "Other", "기타"),
]


def add_categories(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    category = apps.get_model("catalog", "Category")
    for position, (slug, name_en, name_ko) in enumerate(CATEGORIES):
        category.objects.update_or_create(
            slug=slug, defaults={"name_en": name_en, "name_ko": name_ko, "position": position}
        )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]
    # What an operator renamed or sold under stays when the migration is undone.
    operations = [migrations.RunPython(add_categories, migrations.RunPython.noop)]
