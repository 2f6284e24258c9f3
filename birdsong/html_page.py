"""HTML pages in a single file: plots, images and text, in light and dark mode."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# A colour that nothing else has: in the SVG it is replaced by the text colour of the page.
INK = "#010203"
BAR = "#3a86c8"
_SETTINGS = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 10,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "birdsong",  # the same ids each time
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw_svg(draw: Callable[[Figure], None], *, width: float, height: float) -> str:
    """Draw a plot as SVG whose lines and text take the text colour of the page.

    Parameters
    ----------
    draw : callable
        Draws on the given figure, in `INK`, `BAR` or other colours.
    width, height : float
        In inches. The page shrinks a plot that is too wide.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    import matplotlib
    from matplotlib.figure import Figure

    content = io.StringIO()
    with matplotlib.rc_context(_SETTINGS):  # type: ignore[arg-type]  # its stub lists every key
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        figure.savefig(content, format="svg", metadata={"Date": None}, transparent=True)
    svg = content.getvalue()
    return svg[svg.index("<svg") :].replace(INK, "currentColor")


def percent_ticks(axis: Axis) -> None:
    """Label the ticks of an axis of shares in percent."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0))


def integer_ticks(axis: Axis) -> None:
    """Put the ticks of an axis of counts at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def embedded_png(png: bytes, alt: str) -> str:
    """Embed a PNG image in the page.

    Parameters
    ----------
    png : bytes
        The content of a PNG file.
    alt : str
        Description of the image in plain text.

    Returns
    -------
    str
        An ``<img>`` element.
    """
    content = base64.b64encode(png).decode()
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{content}">'


def html_page(title: str, body: str, *, stamp: str = "") -> str:
    """Build a whole HTML page.

    Parameters
    ----------
    title : str
        Plain text.
    body : str
        HTML.
    stamp : str
        Warning in plain text that stays visible while scrolling and appears on every printed page.

    Returns
    -------
    str
        Content of the HTML file.
    """
    stamped = f'<p class="stamp">{escape(stamp)}</p>' if stamp else ""
    return _HTML.format(title=escape(title), stamp=stamped, body=body)


_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8884; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }}
svg {{ max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; width: 100%; font-size: 0.9rem; }}
th, td {{ text-align: left; padding: 0.2rem 0.6rem; border-bottom: 1px solid var(--line); }}
.wide {{ overflow-x: auto; }}
.matrix {{ overflow: auto; }}
#full-size:checked ~ .matrix {{ max-height: 95vh; border: 1px solid var(--line); }}
#full-size:checked ~ .matrix svg {{ max-width: none; }}
.images {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr));
  gap: 1rem; }}
figure {{ margin: 0; font-size: 0.85rem; }}
figure img {{ width: 100%; image-rendering: pixelated; }}
.stamp {{ position: sticky; top: 0; background: #b3261e; color: white; padding: 0.5rem 1rem;
  font-weight: bold; }}
.small {{ font-size: 0.85rem; opacity: 0.75; }}
@media print {{ .stamp {{ position: fixed; left: 0; right: 0; }} }}
</style>
</head>
<body>
{stamp}
<h1>{title}</h1>
{body}
</body>
</html>
"""
