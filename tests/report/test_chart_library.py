"""The report's charts come from a script in the package, which vl-convert makes."""

from __future__ import annotations

import vl_convert
from chart_library import KEPT, bundle_chart_library


def test_the_chart_library_is_what_the_locked_vl_convert_makes():
    same = KEPT.read_text(encoding="utf-8") == bundle_chart_library()
    assert same, "run `make chart-library`, and update vega_embed.LICENSES.txt"


def test_the_licences_name_the_versions_in_the_chart_library():
    licences = KEPT.with_name("vega_embed.LICENSES.txt").read_text()
    found = (
        f"vega-embed {vl_convert.get_vega_embed_version()}",
        f"vega-lite {vl_convert.get_vegalite_versions()[-1]}",
        f"vega {vl_convert.get_vega_version()}",
    )
    assert [name for name in found if name not in licences] == []


def test_the_chart_library_can_be_embedded_in_a_page():
    script = KEPT.read_text(encoding="utf-8")
    assert "</script" not in script
    assert "<!--" not in script
    assert script.count("window.vegaEmbed=") == 1
