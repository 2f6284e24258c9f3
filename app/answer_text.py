"""The text of an answer, and escaping of foreign text for Streamlit's Markdown."""

from __future__ import annotations

import re
from pathlib import PurePath

from birdsong.answers.prediction import Prediction
from birdsong.errors import strip_name
from birdsong.selective.selection import format_percent

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_ITALIC_RANKS = ("genus", "species")  # as these names are printed everywhere


def escape_markdown(text: str) -> str:
    """Escape Markdown characters, so that a text shows as it is."""
    return _MARKDOWN.sub(r"\\\1", _CONTROL.sub("\ufffd", text))


def markdown_code(text: str) -> str:
    """Quote a name as Markdown code, in which nothing is formatted or becomes a link."""
    text = _CONTROL.sub("\ufffd", text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    # Markdown drops one space on either side; a name may start with a backtick.
    return f"{fence} {text} {fence}" if text.strip() else f"{fence}?{fence}"


def taxon_text(rank: str, taxon: str, english_name: str | None) -> str:
    """Format a taxon in Markdown: ``*Turdus merula* (Common Blackbird)``."""
    name = f"*{escape_markdown(taxon)}*" if rank in _ITALIC_RANKS else escape_markdown(taxon)
    return f"{name} ({escape_markdown(english_name)})" if english_name else name


def headline_text(prediction: Prediction) -> str:
    """Summarize the answer to a readable recording in a few words of Markdown."""
    answer = prediction.answer
    if answer is None:
        return f"Too long for one answer: {count_text(len(prediction.detections), 'detection')}"
    if answer.taxon is None:
        return f"No bird: {format_percent(answer.probability)}"
    if answer.rank == "class":
        is_sure = answer.probability >= answer.promise
        return f"{'A bird' if is_sure else 'Perhaps a bird'}: {format_percent(answer.probability)}"
    taxon = taxon_text(answer.rank, answer.taxon, answer.english_name)
    return f"{answer.rank.capitalize()} {taxon}: {format_percent(answer.probability)}"


def uncertainty_text(prediction: Prediction) -> str:
    """Name in Markdown the possible taxa one rank below the answer.

    Empty if there are none. Also empty if one of them is as probable as the promise asks: then the
    answer stops above it for lack of calibration recordings, not because the taxon is uncertain.
    """
    answer = prediction.answer
    if answer is None or answer.taxon is None:
        return ""
    depths = [depth for depth, step in enumerate(prediction.path) if step.taxon == answer.taxon]
    below = prediction.path[depths[0] + 1 : depths[0] + 2] if depths else ()
    candidates = [step for step in (*below, answer.runner_up) if step is not None]
    if not below or len(candidates) < 2 or below[0].probability >= answer.promise:
        return ""
    names = ", ".join(
        f"{taxon_text(step.rank, step.taxon, step.english_name)} {format_percent(step.probability)}"
        for step in candidates
    )
    return f"Which {below[0].rank} is uncertain: {names}."


def safe_stem(name: str) -> str:
    """Return the name of a recording without suffix, with only characters safe in file names."""
    return re.sub(r"[^\w\-]+", "_", PurePath(name).stem).strip("_")[:80] or "recording"


def failure_text(prediction: Prediction) -> str:
    """Explain in a sentence of Markdown why a recording cannot be read."""
    cause = strip_name(prediction.error, prediction.recording, "the recording")
    return f"{markdown_code(prediction.recording)} cannot be read: {escape_markdown(cause)}."


def count_text(n: int, noun: str) -> str:
    """Format a count: ``no detections``, ``1 detection``, ``2 detections``."""
    return f"{n or 'no'} {noun}{'' if n == 1 else 's'}"


def format_time(time_s: float, duration_s: float) -> str:
    """Format a time: with seconds in a short recording, with hours and minutes in a long one."""
    if duration_s < 120:
        return f"{time_s:.1f} s"
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if duration_s >= 3600 else f"{minutes}:{seconds:02}"
