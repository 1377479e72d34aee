"""Makes the JavaScript of the report's charts: `make chart-library` runs this file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

KEPT = Path(str(resources.files("daypart.report"))) / "vega_embed.js"


def bundle_chart_library() -> str:
    """Return Vega-Embed, Vega-Lite and Vega as one script, by the installed vl-convert."""
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;")
    script = script.replace("\r", "").replace("</script", "<\\/script")
    return script.replace("<!--", "<\\!--")


if __name__ == "__main__":
    KEPT.write_text(bundle_chart_library(), encoding="utf-8")
    print(KEPT, f"{KEPT.stat().st_size:,} bytes")
