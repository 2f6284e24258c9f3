"""A recording to look at and to listen to: what `sound_figure.js` draws, and where it looks.

The script and its style lie beside this file and are all that runs in the browser of ours. A
image of the stretch that is looked at goes there, never wider than a screen; the detections go as
numbers and text.
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
from birdsong.answers.view import Overview, window

from .answer_words import clock, counted, percent

MAX_LANES = 6
MAX_COLUMNS = 1600  # of an image: as many as a wide screen has for it
_KHZ = (0.5, 1, 2, 4, 8, 16)


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


def show_sound(
    view: Overview, detections: Sequence[Detection], *, key: str, player: str, dark: bool
) -> None:
    """Put the figure on the page.

    Parameters
    ----------
    view : Overview
    detections : sequence of Detection
    key : str
        Of the figure on the page.
    player : str
        Key of the container with the recording's audio player.
    dark : bool
        Whether the page is.
    """
    name = f"figure-{key}"
    told = st.session_state.get(name) or {}
    _component()(
        key=name,
        data=figure_data(
            view,
            detections,
            looked_at=_stretch(told.get("view"), view.duration_s),
            recording=key,
            player=player,
            colours=DARK if dark else LIGHT,
        ),
        default={"view": None},
        on_view_change=lambda: None,
    )


def figure_data(
    view: Overview,
    detections: Sequence[Detection],
    *,
    looked_at: tuple[float, float] | None,
    recording: str,
    player: str,
    colours: Colours,
) -> dict[str, Any]:
    """Tell the script what to draw.

    Parameters
    ----------
    view : Overview
    detections : sequence of Detection
    looked_at : (float, float) or None
        Seconds; None for the whole recording.
    recording, player : str
        Keys, see `show_sound`.
    colours : Colours

    Returns
    -------
    dict
        What can be written as JSON.
    """
    start_s, end_s = looked_at or (0.0, view.duration_s)
    image = window(view, start_s, end_s, max_columns=MAX_COLUMNS)
    first = np.floor(start_s / view.column_s)
    n_each = -(-int(np.ceil(end_s / view.column_s) - first) // MAX_COLUMNS)
    image_start_s = float(first * view.column_s)
    low_hz, high_hz = view.band_edges_hz[[0, -1]]
    return {
        "recording": recording,
        "player": player,
        "duration_s": view.duration_s,
        "view": list(looked_at) if looked_at else None,
        "image": image_uri(image, colours),
        "image_start_s": image_start_s,
        "image_end_s": image_start_s + image.shape[1] * n_each * view.column_s,
        "label": (
            f"Spectrogram of {clock(view.duration_s, view.duration_s)}, "
            f"{low_hz / 1000:.1f} to {high_hz / 1000:.1f} kHz; "
            f"{counted(len(detections), 'detection')}"
        ),
        "khz": [
            {"label": f"{khz:g}{' kHz' if khz == 8 else ''}", "height": height_of(1000 * khz, view)}
            for khz in _KHZ
            if low_hz <= 1000 * khz <= high_hz
        ],
        "lanes": lanes(detections, colours),
    }


def image_uri(image: np.ndarray, colours: Colours) -> str:
    """Write grey levels, uint8 (64, n_columns), as a PNG in the page's colours, as a data URI."""
    return "data:image/png;base64," + base64.b64encode(coloured_png(image, colours)).decode()


def coloured_png(image: np.ndarray, colours: Colours, *, scale: int = 1) -> bytes:
    """Write grey levels, uint8 (64, n_columns), as a PNG with the colours of quiet and loud."""
    share = np.linspace(0, 1, 256)[:, np.newaxis]
    palette = np.rint((1 - share) * np.array(colours.quiet) + share * np.array(colours.loud))
    coloured = Image.fromarray(image.repeat(scale, axis=0).repeat(scale, axis=1)).convert("P")
    coloured.putpalette(palette.astype(np.uint8).tobytes())
    content = io.BytesIO()
    coloured.save(content, "PNG")
    return content.getvalue()


def lanes(detections: Sequence[Detection], colours: Colours) -> list[dict[str, Any]]:
    """Sort detections by taxon, those that sound longest first; the last lane holds the rest.

    Returns
    -------
    list of dict
        Of each lane its taxon, whether that is written in italics, further words, the colour, and
        start, end and words of its detections.
    """
    by_taxon: dict[str, list[Detection]] = {}
    for found in detections:
        by_taxon.setdefault(found.taxon, []).append(found)

    def length_s(one: list[Detection]) -> float:
        return sum(found.end_s - found.start_s for found in one)

    longest = sorted(by_taxon.values(), key=length_s, reverse=True)
    n_own = MAX_LANES if len(longest) <= MAX_LANES else MAX_LANES - 1
    drawn = []
    for one, colour in zip(longest[:n_own], colours.lanes, strict=False):
        first = one[0]
        in_italics = first.rank in ("genus", "species")
        about = [first.english_name] if first.english_name else []
        if not in_italics:
            about.append(first.rank)
        about.append(counted(len(one), "detection"))
        drawn.append(_lane(first.taxon, " · ".join(about), colour, one, italic=in_italics))
    rest = [found for one in longest[n_own:] for found in one]
    if rest:
        rest.sort(key=lambda found: found.start_s)
        n_others = len(longest) - n_own
        words = counted(len(rest), "detection")
        drawn.append(_lane(f"{n_others} other taxa", words, colours.rest, rest, italic=False))
    return drawn


def height_of(frequency_hz: float, view: Overview) -> float:
    """Where a frequency stands in the figure: 0 at the bottom, 1 at the top."""
    edges_hz = view.band_edges_hz
    return float(np.interp(frequency_hz, edges_hz, np.linspace(0, 1, len(edges_hz))))


def _lane(
    taxon: str, words: str, colour: str, detections: Sequence[Detection], *, italic: bool
) -> dict[str, Any]:
    return {
        "taxon": taxon,
        "words": words,
        "colour": colour,
        "italic": italic,
        "detections": [
            {
                "start_s": found.start_s,
                "end_s": found.end_s,
                "words": f"{found.taxon} {percent(found.probability)}",
            }
            for found in detections
        ],
    }


def _stretch(told: Any, duration_s: float) -> tuple[float, float] | None:
    """Check what the browser says is looked at: two times within the recording, or nothing."""
    match told:
        case [int() | float() as start_s, int() | float() as end_s] if (
            0 <= start_s < end_s <= duration_s + 1
        ):
            return float(start_s), min(float(end_s), duration_s)
    return None


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    """Register the script once a process."""
    here = files(__package__ or "birdsong.app")
    return st.components.v2.component(
        "birdsong_sound_figure",
        html='<div class="figure"></div>',
        css=here.joinpath("sound_figure.css").read_text(encoding="utf-8"),
        js=here.joinpath("sound_figure.js").read_text(encoding="utf-8"),
    )
