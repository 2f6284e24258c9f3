"""The overview of a recording with its axes and detections, as HTML that fits any width.

Text is laid out by the browser, at its own size, so that a phone shows it as readable as a desk
does; only the picture is stretched.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from birdsong.answers.prediction import Detection
from birdsong.answers.view import Overview

from .answer_words import clock, counted, percent

MAX_LANES = 6
_HEIGHT_REM = 13
_KHZ = (0.5, 1, 2, 4, 8, 16)
_STEPS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_MAX_TICKS = 6  # as many times as stand side by side on a phone
_NARROWEST = 1 / 400  # of the figure's width: what is drawn nearer than that is drawn as one


@dataclass(frozen=True, slots=True)
class Colours:
    """What quiet and loud look like, and the detections of one taxon after the other."""

    quiet: tuple[int, int, int]
    loud: tuple[int, int, int]
    lanes: tuple[str, ...]
    rest: str


LIGHT = Colours(
    quiet=(250, 250, 247),
    loud=(24, 28, 40),
    lanes=("#0072b2", "#b84a00", "#00795a", "#a3457e", "#7a6400", "#2d6f9e"),
    rest="#6b6b6b",
)
DARK = Colours(
    quiet=(22, 26, 34),
    loud=(255, 248, 225),
    lanes=("#56b4e9", "#f0985a", "#3cc79a", "#e29ac4", "#e2d34a", "#9cc8ff"),
    rest="#a0a0a0",
)


@dataclass(frozen=True, slots=True)
class Lane:
    """The detections of one taxon, or of all that have no lane of their own."""

    title_html: str
    colour: str
    detections: tuple[Detection, ...]


def overview_html(view: Overview, detections: Sequence[Detection], *, dark: bool) -> str:
    """Draw a recording: kHz from bottom to top, time from left to right, detections below.

    Parameters
    ----------
    view : Overview
    detections : sequence of Detection
    dark : bool
        Whether the page behind it is.

    Returns
    -------
    str
        HTML without scripts; everything that it shows lies in it.
    """
    colours = DARK if dark else LIGHT
    shown = view.picture.shape[1] * view.column_s / view.duration_s
    rows = "".join(_lane_html(lane, view.duration_s) for lane in lanes(detections, colours))
    rows = rows or '<div style="font-size:.85rem;opacity:.75">No detections.</div>'
    paper = f"rgb{colours.quiet}".replace(" ", "")
    label = (
        f"Spectrogram of {clock(view.duration_s, view.duration_s)}, "
        f"{view.band_edges_hz[0] / 1000:.1f} to {view.band_edges_hz[-1] / 1000:.1f} kHz; "
        f"{counted(len(detections), 'detection')}"
    )
    return (
        '<div style="display:grid;grid-template-columns:2.4rem minmax(0,1fr);width:100%">'
        f'<div style="position:relative;height:{_HEIGHT_REM}rem">{_khz_html(view)}</div>'
        f'<div style="position:relative;height:{_HEIGHT_REM}rem;overflow:hidden;'
        f'background:{paper};border-radius:.25rem">'
        f'<img alt="{escape(label)}" src="{picture_uri(view.picture, colours)}" '
        f'style="width:{100 * shown:.3f}%;max-width:none;height:100%;display:block"></div>'
        '<div style="font-size:.75rem;opacity:.75;text-align:right;padding-right:.4rem">kHz</div>'
        f'<div style="position:relative;height:1.6rem">{_times_html(view.duration_s)}</div>'
        f'<div></div><div style="padding-top:.2rem">{rows}</div></div>'
    )


def picture_uri(picture: np.ndarray, colours: Colours) -> str:
    """Write grey levels, uint8 (64, n_columns), as a PNG in the page's colours, as a data URI."""
    share = np.linspace(0, 1, 256)[:, np.newaxis]
    palette = np.rint((1 - share) * np.array(colours.quiet) + share * np.array(colours.loud))
    image = Image.fromarray(picture).convert("P")
    image.putpalette(palette.astype(np.uint8).tobytes())
    content = io.BytesIO()
    image.save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def lanes(detections: Sequence[Detection], colours: Colours) -> list[Lane]:
    """Sort detections by taxon, those that sound longest first; the last lane holds the rest."""
    by_taxon: dict[str, list[Detection]] = {}
    for found in detections:
        by_taxon.setdefault(found.taxon, []).append(found)

    def length_s(one: list[Detection]) -> float:
        return sum(found.end_s - found.start_s for found in one)

    longest = sorted(by_taxon.values(), key=length_s, reverse=True)
    n_own = MAX_LANES if len(longest) <= MAX_LANES else MAX_LANES - 1
    drawn = [
        Lane(_title_html(one), colour, tuple(one))
        for one, colour in zip(longest[:n_own], colours.lanes, strict=False)
    ]
    rest = [found for one in longest[n_own:] for found in one]
    if rest:
        title = f"{len(longest) - n_own} other taxa · {counted(len(rest), 'detection')}"
        rest.sort(key=lambda found: found.start_s)
        drawn.append(Lane(title, colours.rest, tuple(rest)))
    return drawn


def time_ticks_s(duration_s: float) -> list[float]:
    """Round times from 0 on, few enough to be read side by side."""
    step_s = next((s for s in _STEPS_S if duration_s / s <= _MAX_TICKS), 3600.0)
    while duration_s / step_s > _MAX_TICKS:
        step_s *= 2
    return [float(i * step_s) for i in range(int(duration_s / step_s) + 1)]


def height_of(frequency_hz: float, view: Overview) -> float:
    """Where a frequency stands in the figure: 0 at the bottom, 1 at the top."""
    edges_hz = view.band_edges_hz
    return float(np.interp(frequency_hz, edges_hz, np.linspace(0, 1, len(edges_hz))))


def _title_html(detections: Sequence[Detection]) -> str:
    first = detections[0]
    name = escape(first.taxon)
    name = f"<i>{name}</i>" if first.rank in ("genus", "species") else f"{name} ({first.rank})"
    english = f" {escape(first.english_name)}" if first.english_name else ""
    return f"{name}{english} · {counted(len(detections), 'detection')}"


def _lane_html(lane: Lane, duration_s: float) -> str:
    bars = ""
    for run in _drawn_as_one(lane.detections, duration_s * _NARROWEST):
        start_s, end_s = run[0].start_s, max(found.end_s for found in run)
        what = f"{run[0].taxon} {percent(run[0].probability)}"
        what = what if len(run) == 1 else counted(len(run), "detection")
        when = f"{clock(start_s, duration_s)} to {clock(end_s, duration_s)}"
        bars += (
            f'<div title="{escape(f"{what}, {when}")}" style="position:absolute;top:0;bottom:0;'
            f"left:{100 * start_s / duration_s:.3f}%;"
            f"width:{100 * (end_s - start_s) / duration_s:.3f}%;min-width:3px;"
            f'border-radius:2px;background:{lane.colour}"></div>'
        )
    return (
        f'<div style="font-size:.85rem;line-height:1.3;margin-top:.3rem">{lane.title_html}</div>'
        '<div style="position:relative;height:.55rem;overflow:hidden;border-radius:2px;'
        f'background:rgba(128,128,128,.18)">{bars}</div>'
    )


def _drawn_as_one(detections: Sequence[Detection], gap_s: float) -> list[list[Detection]]:
    """Join what would touch on the screen, so that ten hours do not draw ten thousand bars."""
    runs: list[list[Detection]] = []
    for found in detections:
        if runs and found.start_s - runs[-1][-1].end_s < gap_s:
            runs[-1].append(found)
        else:
            runs.append([found])
    return runs


def _khz_html(view: Overview) -> str:
    low_hz, high_hz = view.band_edges_hz[0], view.band_edges_hz[-1]
    return "".join(
        f'<div style="position:absolute;right:.4rem;bottom:{100 * height_of(hz, view):.2f}%;'
        f'transform:translateY(50%);font-size:.75rem;opacity:.75">{hz / 1000:g}</div>'
        for hz in (1000 * khz for khz in _KHZ)
        if low_hz <= hz <= high_hz
    )


def _times_html(duration_s: float) -> str:
    ticks = ""
    for time_s in time_ticks_s(duration_s):
        label = f"{time_s:g} s" if duration_s < 120 else clock(time_s, duration_s)
        share = time_s / duration_s
        # The first and the last stay inside the figure.
        shift = 0 if share < 0.03 else -100 if share > 0.97 else -50
        ticks += (
            f'<div style="position:absolute;left:{100 * share:.3f}%;transform:translateX({shift}%);'
            f'font-size:.75rem;opacity:.75;white-space:nowrap">{label}</div>'
        )
    return ticks
