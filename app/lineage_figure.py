"""The path from the class of birds to the most probable label, with the answer marked."""

from __future__ import annotations

from html import escape

from birdsong.answers.prediction import Prediction
from birdsong.selective.selection import format_percent


def lineage_html(prediction: Prediction) -> str:
    """Draw the path of a prediction, step by step, each with its probability.

    Steps down to the answer are in full colour. Steps below it, where the model is less sure than
    the promise asks, are faint.

    Returns
    -------
    str
        An ordered list in HTML that wraps on a narrow screen; empty if there is no path.
    """
    if not prediction.path:
        return ""
    answer = prediction.answer
    taxa = [step.taxon for step in prediction.path]
    # Without an answer, no step is marked or faint.
    answer_depth = len(taxa) - 1
    if answer is not None:
        answer_depth = taxa.index(answer.taxon) if answer.taxon in taxa else -1
    steps = []
    for depth, step in enumerate(prediction.path):
        name = escape(step.taxon)
        name = f"<i>{name}</i>" if step.rank in ("genus", "species") else name
        english = f"<br>{escape(step.english_name)}" if step.english_name else ""
        is_answer = answer is not None and depth == answer_depth
        border = "2px solid currentColor" if is_answer else "1px solid rgba(128,128,128,.45)"
        current = ' aria-current="true"' if is_answer else ""
        arrow = '<span aria-hidden="true" style="opacity:.5">&rsaquo;</span>' if depth else ""
        steps.append(
            f'<li{current} style="display:flex;align-items:center;gap:.4rem;margin:0">{arrow}'
            f'<div style="border:{border};border-radius:.4rem;padding:.25rem .6rem;'
            f'line-height:1.3;opacity:{1 if depth <= answer_depth else 0.65}">'
            f'<span style="font-size:.75rem;opacity:.8">{escape(step.rank)}</span><br>'
            f"{name} {format_percent(step.probability)}"
            f'<span style="font-size:.8rem;opacity:.8">{english}</span></div></li>'
        )
    return (
        '<ol style="list-style:none;display:flex;flex-wrap:wrap;gap:.4rem;margin:0;padding:0">'
        f"{''.join(steps)}</ol>"
    )
