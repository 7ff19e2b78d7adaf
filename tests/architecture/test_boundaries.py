"""Apps talk through each other's front doors only."""

from __future__ import annotations

import grimp

# A model may point at another app's model; whoever only names its type does so for the
# type checker, which does not count here.
# A flow's page may show a noun's form.
FRONT_DOORS = {"services", "queries", "errors", "types", "forms"}
SHARED = {"core", "config"}


def test_apps_import_each_other_only_through_front_doors() -> None:
    graph = grimp.build_graph("marketplace", exclude_type_checking_imports=True)
    trespasses = []
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            src, dst = importer.split("."), imported.split(".")
            if len(src) < 2 or len(dst) < 3 or src[1] == dst[1]:
                continue
            if src[1] == "config" or dst[1] in SHARED or dst[2] in FRONT_DOORS:
                continue
            if src[2:] == ["models"] and dst[2:] == ["models"]:
                continue
            trespasses.append(f"{importer} -> {imported}")
    assert trespasses == []
