"""An answer in words, and text from outside made safe to stand among Streamlit's Markdown."""

from __future__ import annotations

import math
import re
from pathlib import PurePath

from birdsong.answers.prediction import Prediction
from birdsong.errors import strip_name

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_ITALIC_RANKS = ("genus", "species")  # as these names are printed everywhere


def percent(probability: float) -> str:
    """Whole percent, rounded down so that nothing short of a promise reads as if it kept it."""
    return f"{math.floor(100 * probability + 1e-9)} %"


def as_text(text: str) -> str:
    """Escape what Markdown would read as a mark, so that a text shows as it is."""
    return _MARKDOWN.sub(r"\\\1", _CONTROL.sub("\ufffd", text))


def as_code(text: str) -> str:
    """Quote a name from outside as Markdown code, in which nothing is a mark or becomes a link."""
    text = _CONTROL.sub("\ufffd", text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    # One blank on either side is dropped again, and a name may begin with a backtick.
    return f"{fence} {text} {fence}" if text.strip() else f"{fence}?{fence}"


def taxon_words(rank: str, taxon: str, english_name: str | None) -> str:
    """Name a taxon in Markdown: ``*Turdus merula* (Common Blackbird)``."""
    name = f"*{as_text(taxon)}*" if rank in _ITALIC_RANKS else as_text(taxon)
    return f"{name} ({as_text(english_name)})" if english_name else name


def headline(prediction: Prediction) -> str:
    """Say in a few words of Markdown what was heard in a recording that could be read."""
    answer = prediction.answer
    if answer is None:
        return f"Too long for one answer: {counted(len(prediction.detections), 'detection')}"
    if answer.taxon is None:
        return f"No bird: {percent(answer.probability)}"
    if answer.rank == "class":
        sure = answer.probability >= answer.promise
        return f"{'A bird' if sure else 'Perhaps a bird'}: {percent(answer.probability)}"
    named = taxon_words(answer.rank, answer.taxon, answer.english_name)
    return f"{answer.rank.capitalize()} {named}: {percent(answer.probability)}"


def uncertain(prediction: Prediction) -> str:
    """Say in Markdown which taxa one rank below the answer it could be.

    Empty if there are none, or if one is as probable as was asked for: then recordings are lacking
    that show how sure it must be, and nothing is uncertain.
    """
    answer = prediction.answer
    if answer is None or answer.taxon is None:
        return ""
    places = [place for place, step in enumerate(prediction.path) if step.taxon == answer.taxon]
    below = prediction.path[places[0] + 1 : places[0] + 2] if places else ()
    rivals = [step for step in (*below, answer.runner_up) if step is not None]
    if not below or len(rivals) < 2 or below[0].probability >= answer.promise:
        return ""
    named = ", ".join(
        f"{taxon_words(step.rank, step.taxon, step.english_name)} {percent(step.probability)}"
        for step in rivals
    )
    return f"Which {below[0].rank} is uncertain: {named}."


def safe_stem(name: str) -> str:
    """Of a recording's name only what no file system and no shell minds, without its ending."""
    return re.sub(r"[^\w\-]+", "_", PurePath(name).stem).strip("_")[:80] or "recording"


def failure(prediction: Prediction) -> str:
    """Say in a sentence of Markdown why a recording could not be read."""
    cause = strip_name(prediction.error, prediction.recording, "the recording")
    return f"{as_code(prediction.recording)} cannot be answered: {as_text(cause)}."


def counted(n: int, noun: str) -> str:
    """Count things: ``no detections``, ``1 detection``, ``2 detections``."""
    return f"{n or 'no'} {noun}{'' if n == 1 else 's'}"


def clock(time_s: float, duration_s: float) -> str:
    """Tell a time in a recording: seconds in a short one, hours and minutes in a long one."""
    if duration_s < 120:
        return f"{time_s:.1f} s"
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if duration_s >= 3600 else f"{minutes}:{seconds:02}"
