"""The figure with spectrogram, detections and player: the data that `sound_figure.js` draws.

The script and its style sheet are beside this file. The browser gets one image of the visible range
of the recording, never wider than a screen, and the detections as numbers and text.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from birdsong.answers.prediction import Detection
from birdsong.answers.spectrogram_views import OverviewSpectrogram, crop
from birdsong.selective.selection import format_percent

from .answer_text import count_text, format_time

MAX_LANES = 6
MAX_COLUMNS = 1600  # of an image: the width of a wide screen
_KHZ = (0.5, 1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours of quiet and loud pixels, of the first lanes, and of the lane with the rest."""

    quiet: tuple[int, int, int]
    loud: tuple[int, int, int]
    lanes: tuple[str, ...]
    other: str


LIGHT = Colours(
    quiet=(250, 250, 247),
    loud=(24, 28, 40),
    lanes=("#0072b2", "#b84a00", "#00795a", "#a3457e", "#7a6400", "#2d6f9e"),
    other="#6b6b6b",
)
DARK = Colours(
    quiet=(22, 26, 34),
    loud=(255, 248, 225),
    lanes=("#56b4e9", "#f0985a", "#3cc79a", "#e29ac4", "#e2d34a", "#9cc8ff"),
    other="#a0a0a0",
)


def show_sound_figure(
    overview: OverviewSpectrogram,
    detections: Sequence[Detection],
    *,
    key: str,
    player: str,
    dark: bool,
) -> None:
    """Show the figure on the page.

    Parameters
    ----------
    overview : OverviewSpectrogram
    detections : sequence of Detection
    key : str
        Of the figure; unique on the page.
    player : str
        Key of the container with the recording's audio player.
    dark : bool
        Whether the page has dark colours.
    """
    name = f"figure-{key}"
    state = st.session_state.get(name) or {}
    _component()(
        key=name,
        data=figure_data(
            overview,
            detections,
            visible_range_s=_checked_range(state.get("visible"), overview.duration_s),
            recording=key,
            player=player,
            colours=DARK if dark else LIGHT,
        ),
        default={"visible": None},
        on_visible_change=lambda: None,
    )


def figure_data(
    overview: OverviewSpectrogram,
    detections: Sequence[Detection],
    *,
    visible_range_s: tuple[float, float] | None,
    recording: str,
    player: str,
    colours: Colours,
) -> dict[str, Any]:
    """Return the data that the script draws.

    Parameters
    ----------
    overview : OverviewSpectrogram
    detections : sequence of Detection
    visible_range_s : (float, float) or None
        Seconds; None for the whole recording.
    recording, player : str
        Keys, see `show_sound_figure`.
    colours : Colours

    Returns
    -------
    dict
        Written as JSON.
    """
    start_s, end_s = visible_range_s or (0.0, overview.duration_s)
    image = crop(overview, start_s, end_s, max_columns=MAX_COLUMNS)
    first = np.floor(start_s / overview.column_s)
    n_each = -(-int(np.ceil(end_s / overview.column_s) - first) // MAX_COLUMNS)
    image_start_s = float(first * overview.column_s)
    low_hz, high_hz = overview.band_edges_hz[[0, -1]]
    return {
        "recording": recording,
        "player": player,
        "duration_s": overview.duration_s,
        "visible": list(visible_range_s) if visible_range_s else None,
        "image": image_uri(image, colours),
        "image_start_s": image_start_s,
        "image_end_s": image_start_s + image.shape[1] * n_each * overview.column_s,
        "label": (
            f"Spectrogram of {format_time(overview.duration_s, overview.duration_s)}, "
            f"{low_hz / 1000:.1f} to {high_hz / 1000:.1f} kHz; "
            f"{count_text(len(detections), 'detection')}"
        ),
        "khz": [
            {
                "label": f"{khz:g}{' kHz' if khz == 8 else ''}",
                "height": frequency_height(1000 * khz, overview),
            }
            for khz in _KHZ
            if low_hz <= 1000 * khz <= high_hz
        ],
        "lanes": detection_lanes(detections, colours),
    }


def image_uri(image: np.ndarray, colours: Colours) -> str:
    """Write grey levels, uint8 (64, n_columns), as the data URI of a coloured PNG."""
    return "data:image/png;base64," + base64.b64encode(coloured_png(image, colours)).decode()


def coloured_png(image: np.ndarray, colours: Colours, *, scale: int = 1) -> bytes:
    """Return a PNG of grey levels, uint8 (64, n_columns), in colours from quiet to loud."""
    share = np.linspace(0, 1, 256)[:, np.newaxis]
    palette = np.rint((1 - share) * np.array(colours.quiet) + share * np.array(colours.loud))
    coloured = Image.fromarray(image.repeat(scale, axis=0).repeat(scale, axis=1)).convert("P")
    coloured.putpalette(palette.astype(np.uint8).tobytes())
    content = io.BytesIO()
    coloured.save(content, "PNG")
    return content.getvalue()


def detection_lanes(detections: Sequence[Detection], colours: Colours) -> list[dict[str, Any]]:
    """Group detections by taxon, the longest total first; the last lane holds all other taxa.

    Returns
    -------
    list of dict
        For each lane its taxon, whether to write it in italics, details, colour, and the start, end
        and label of its detections.
    """
    by_taxon: dict[str, list[Detection]] = {}
    for detection in detections:
        by_taxon.setdefault(detection.taxon, []).append(detection)

    def total_s(detections: list[Detection]) -> float:
        return sum(each.end_s - each.start_s for each in detections)

    longest = sorted(by_taxon.values(), key=total_s, reverse=True)
    n_own = MAX_LANES if len(longest) <= MAX_LANES else MAX_LANES - 1
    lanes = []
    for group, colour in zip(longest[:n_own], colours.lanes, strict=False):
        first = group[0]
        in_italics = first.rank in ("genus", "species")
        details = [first.english_name] if first.english_name else []
        if not in_italics:
            details.append(first.rank)
        details.append(count_text(len(group), "detection"))
        lanes.append(_lane(first.taxon, " · ".join(details), colour, group, italic=in_italics))
    others = [detection for group in longest[n_own:] for detection in group]
    if others:
        others.sort(key=lambda detection: detection.start_s)
        n_others = len(longest) - n_own
        details_of_all = count_text(len(others), "detection")
        lanes.append(
            _lane(f"{n_others} other taxa", details_of_all, colours.other, others, italic=False)
        )
    return lanes


def frequency_height(frequency_hz: float, overview: OverviewSpectrogram) -> float:
    """Return the height of a frequency in the figure: 0 at the bottom, 1 at the top."""
    edges_hz = overview.band_edges_hz
    return float(np.interp(frequency_hz, edges_hz, np.linspace(0, 1, len(edges_hz))))


def _lane(
    taxon: str, details: str, colour: str, detections: Sequence[Detection], *, italic: bool
) -> dict[str, Any]:
    return {
        "taxon": taxon,
        "details": details,
        "colour": colour,
        "italic": italic,
        "detections": [
            {
                "start_s": each.start_s,
                "end_s": each.end_s,
                "label": f"{each.taxon} {format_percent(each.probability)}",
            }
            for each in detections
        ],
    }


def _checked_range(value: Any, duration_s: float) -> tuple[float, float] | None:
    """Return the visible range that the browser sends if it is within the recording, else None."""
    match value:
        case [int() | float() as start_s, int() | float() as end_s] if (
            0 <= start_s < end_s <= duration_s + 1
        ):
            return float(start_s), min(float(end_s), duration_s)
    return None


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    """Register the script once per process."""
    folder = files(__package__ or "birdsong.app")
    return st.components.v2.component(
        "birdsong_sound_figure",
        html='<div class="figure"></div>',
        css=folder.joinpath("sound_figure.css").read_text(encoding="utf-8"),
        js=folder.joinpath("sound_figure.js").read_text(encoding="utf-8"),
    )
