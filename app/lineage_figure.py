"""The way from birds at large to the most probable label, with the answer marked on it."""

from __future__ import annotations

from html import escape

from birdsong.answers.prediction import Prediction

from .answer_words import percent


def lineage_html(prediction: Prediction) -> str:
    """Draw the path of a prediction, step by step, each with its probability.

    Steps up to the answer stand out; those below it, of which the model is less sure than it was
    asked to be, are faint.

    Returns
    -------
    str
        An ordered list in HTML that wraps on a narrow screen; empty where there is no path.
    """
    if not prediction.path:
        return ""
    answer = prediction.answer
    on_path = [step.taxon for step in prediction.path]
    # Without one answer there is nothing to mark, and all steps are equal.
    reached = len(on_path) - 1
    if answer is not None:
        reached = on_path.index(answer.taxon) if answer.taxon in on_path else -1
    steps = []
    for depth, step in enumerate(prediction.path):
        name = escape(step.taxon)
        name = f"<i>{name}</i>" if step.rank in ("genus", "species") else name
        english = f"<br>{escape(step.english_name)}" if step.english_name else ""
        marked = answer is not None and depth == reached
        border = "2px solid currentColor" if marked else "1px solid rgba(128,128,128,.45)"
        current = ' aria-current="true"' if marked else ""
        arrow = '<span aria-hidden="true" style="opacity:.5">&rsaquo;</span>' if depth else ""
        steps.append(
            f'<li{current} style="display:flex;align-items:center;gap:.4rem;margin:0">{arrow}'
            f'<div style="border:{border};border-radius:.4rem;padding:.25rem .6rem;'
            f'line-height:1.3;opacity:{1 if depth <= reached else 0.65}">'
            f'<span style="font-size:.75rem;opacity:.8">{escape(step.rank)}</span><br>'
            f"{name} {percent(step.probability)}"
            f'<span style="font-size:.8rem;opacity:.8">{english}</span></div></li>'
        )
    return (
        '<ol style="list-style:none;display:flex;flex-wrap:wrap;gap:.4rem;margin:0;padding:0">'
        f"{''.join(steps)}</ol>"
    )
