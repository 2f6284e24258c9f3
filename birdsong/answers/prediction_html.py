"""A prediction as HTML, for notebooks: the answer, why, and the most probable labels."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from birdsong.selective.selection import format_percent

if TYPE_CHECKING:
    from birdsong.answers.prediction import Prediction


def prediction_to_html(prediction: Prediction) -> str:
    """Return a fragment of HTML in which every text of a file or a bundle is escaped."""
    parts = [f"<div>{escape(prediction.recording)}</div>"]
    if prediction.status == "failed":
        parts.append(f"<div><strong>failed</strong>: {escape(prediction.error)}</div>")
        return f"<div>{''.join(parts)}</div>"
    answer = prediction.answer
    if answer is None:
        headline = f"{len(prediction.detections)} detections"
    elif answer.taxon is None:
        headline = f"no bird, {format_percent(answer.probability)}"
    else:
        name = _named(answer.taxon, answer.english_name)
        headline = f"{escape(answer.rank)} {name}, {format_percent(answer.probability)}"
    parts.append(f"<div><strong>{headline}</strong></div>")
    parts.append(f"<div>{escape(prediction.reason)}</div>")
    if prediction.warnings:
        items = "".join(f"<li>{escape(warning)}</li>" for warning in prediction.warnings)
        parts.append(f"<ul>{items}</ul>")
    if prediction.top:
        rows = "".join(
            f"<tr><td>{_named(taxon.taxon, taxon.english_name)}</td>"
            f"<td>{format_percent(taxon.probability)}</td></tr>"
            for taxon in prediction.top
        )
        head = "<tr><th>most probable labels</th><th>probability</th></tr>"
        parts.append(f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>")
    return f"<div>{''.join(parts)}</div>"


def _named(taxon: str, english_name: str | None) -> str:
    """Name a taxon with its English name first, where it has one."""
    scientific = f"<i>{escape(taxon)}</i>"
    return f"{escape(english_name)} ({scientific})" if english_name else scientific
