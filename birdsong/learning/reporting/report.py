"""Writes an evaluation: ``metrics.json``, ``predictions.csv`` and ``report.html``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from birdsong.atomic import write_atomically
from birdsong.bundle.bundle import Bundle
from birdsong.csv_escape import escape_cells
from birdsong.errors import DatasetError
from birdsong.html_page import embedded_png, html_page
from birdsong.images.store import ImageStore
from birdsong.learning.evaluation.held_out import HeldOut
from birdsong.learning.evaluation.metrics.classification import (
    confusion_matrix,
)
from birdsong.learning.evaluation.scores import (
    ScoredRecordings,
    count_single_session_labels,
    measure,
    measure_additional,
    measure_intervals,
    single_session_note,
)
from birdsong.learning.reporting import figures
from birdsong.learning.reporting.confusion_report import confusion_section
from birdsong.learning.reporting.label_report import label_metrics, label_table
from birdsong.learning.reporting.selective_report import SelectiveReport

N_WORST = 12
METRIC_NAMES = {
    "top1": "top-1",
    "top5": "top-5",
    "top20": "top-20",
    "macro_recall": "macro recall",
    "mean_average_precision": "mean average precision",
    "top1_species": "right species, by sum",
    "top1_genus": "right genus, by sum",
    "top1_family": "right family, by sum",
    "top1_order": "right order, by sum",
}
BY_SUM = "By sum: the taxon whose labels' probabilities have the largest sum is the true one."
_BY_LABEL = (
    "By label, further down: the taxon of the most probable label is the true one; the two may "
    "differ."
)
BEYOND_TOP = {
    "distance": "Mean ranks from the predicted label up to a taxon shared with the true label:",
    "distance_5": "of the five most probable labels",
    "severity": "of wrong predictions only",
    "macro_auroc": "area under the ROC curve, mean over labels",
    "brier_score": "Brier score",
}
STAMP = (
    "These metrics are too good: {learned} of these {n} recordings are of sessions that the model "
    "learned from."
)


def write_report(held_out: HeldOut, bundle: Bundle, store: ImageStore, out: Path) -> dict[str, Any]:
    """Compute metrics, and write them with the predictions and the report.

    Parameters
    ----------
    held_out : HeldOut
        From `held_out.score_bundle`.
    bundle : Bundle
    store : ImageStore
        Holds the images of the most confident mistakes.
    out : Path
        Folder, created where it does not exist.

    Returns
    -------
    dict
        Content of ``metrics.json``.

    Raises
    ------
    DatasetError
        If the folder cannot be written, or an image is missing or damaged.
    """
    answers = SelectiveReport(held_out, bundle)
    metrics = _metrics(held_out, bundle, answers)
    page = _page(held_out.scored, metrics, store, answers)
    try:
        out.mkdir(parents=True, exist_ok=True)
        content = json.dumps(metrics, indent=1, allow_nan=False) + "\n"
        write_atomically(out / "metrics.json", content.encode())
        write_atomically(out / "predictions.csv", _predictions(held_out.scored).encode())
        write_atomically(out / "report.html", page.encode())
    except OSError as error:
        raise DatasetError(f"{out}: the report cannot be written ({error})") from error
    return metrics


def _metrics(held_out: HeldOut, bundle: Bundle, answers: SelectiveReport) -> dict[str, Any]:
    scored = held_out.scored
    values, intervals = measure(scored), measure_intervals(scored)
    matrix = confusion_matrix(scored.y_true, scored.y_prob)
    return {
        "bundle": {"name": bundle.name, "fingerprint": bundle.fingerprint},
        "stamp": STAMP.format(learned=held_out.n_from_training, n=len(scored.recordings))
        if held_out.include_training and held_out.n_from_training
        else "",
        "out_of_fold": held_out.out_of_fold,
        "narrowed_to": held_out.allowed_taxa,
        "recordings": len(scored.recordings),
        "sessions": len(set(scored.sessions)),
        **held_out.left_out(),
        "labels_scored": len(np.unique(scored.y_true)),
        "labels_known": len(scored.labels),
        "labels_of_one_session": count_single_session_labels(scored),
        "metrics": {
            name: {"value": values[name], "low": intervals[name][0], "high": intervals[name][1]}
            for name in values
        },
        "beyond_top": measure_additional(scored),
        "labels": label_metrics(scored, matrix, answers.trusted_ranks),
        "confusion": {
            "labels": [label.taxon for label in scored.labels],
            "counts": [
                [int(true), int(predicted), int(matrix[true, predicted])]
                for true, predicted in np.argwhere(matrix)
            ],
        },
        "answers": answers.metrics,
    }


def _predictions(scored: ScoredRecordings) -> str:
    """CSV with a row for each recording: true label, predicted label, probability of each label."""
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator="\n")
    names = [label.taxon for label in scored.labels]
    writer.writerow(["recording", "session", "label", "predicted", "bird_probability", *names])
    for i, recording in enumerate(scored.recordings):
        probabilities = scored.bird[i] * scored.y_prob[i]
        writer.writerow(
            [
                *escape_cells([recording, scored.sessions[i]]),
                names[scored.y_true[i]],
                names[scored.y_pred[i]],
                f"{scored.bird[i]:.6g}",
                *(f"{probability:.6g}" for probability in probabilities),
            ]
        )
    return content.getvalue()


def _page(
    scored: ScoredRecordings,
    metrics: Mapping[str, Any],
    store: ImageStore,
    answers: SelectiveReport,
) -> str:
    measured = metrics["metrics"]
    overall = figures.interval_bars(
        [METRIC_NAMES[name] for name in measured],
        [each["value"] for each in measured.values()],
        [(each["low"], each["high"]) for each in measured.values()],
    )
    by_label = metrics["labels"]
    amounts = figures.recall_by_amount(
        [each["learned_from"] for each in by_label], [each["recall"] for each in by_label]
    )
    left_out = (
        f" {metrics['recordings_of_unknown_taxa']} recordings of taxa without a label "
        "are counted in a section of their own."
        if metrics["recordings_of_unknown_taxa"]
        else ""
    )
    if outside := metrics["recordings_outside_the_list"]:
        left_out += (
            f" {outside} recordings of labels that are not on the species list are left out."
        )
    nested = (
        " A label that is a genus or a family stands for its birds without a label of their own."
        if len({label.rank for label in scored.labels}) > 1
        else ""
    )
    out_of_fold_note = (
        " Predictions are out-of-fold: each is by a network that did not learn from its session."
        if metrics["out_of_fold"]
        else ""
    )
    body = _BODY.format(
        summary=f"{metrics['recordings']} recordings of {metrics['sessions']} sessions, "
        f"{metrics['labels_scored']} of {metrics['labels_known']} labels."
        f"{out_of_fold_note}{nested} Each recording counts once.{left_out} "
        f"Bars show 95 % intervals over sessions.{single_session_note(scored)}",
        fingerprint=escape(metrics["bundle"]["fingerprint"]),
        overall=overall,
        by_sum=f"<p>{BY_SUM} {_BY_LABEL}</p>"
        if any(name.startswith("top1_") for name in measured)
        else "",
        beyond=_beyond_top(metrics["beyond_top"]),
        amounts=amounts,
        confusion=confusion_section(scored),
        answers=answers.section(),
        worst=_worst_mistakes(scored, store),
        labels=label_table(by_label),
    )
    title = f"Evaluation of {metrics['bundle']['name']}"
    return html_page(title, body, stamp=metrics["stamp"])


def _beyond_top(measured: Mapping[str, float | None]) -> str:
    sentences = [
        f"{words} {measured[name]:.2f}"
        for name, words in BEYOND_TOP.items()
        if measured[name] is not None
    ]
    return f"<p>{'; '.join(sentences)}.</p>"


def _worst_mistakes(scored: ScoredRecordings, store: ImageStore) -> str:
    """HTML of the most confident mistakes, each with its top segment."""
    sure = scored.y_prob.max(axis=1)
    wrong = np.flatnonzero(scored.y_pred != scored.y_true)
    shown = []
    for i in wrong[np.argsort(-sure[wrong], kind="stable")][:N_WORST]:
        true, predicted = scored.labels[scored.y_true[i]], scored.labels[scored.y_pred[i]]
        row = scored.top_segments[i]
        try:
            png = (store.folder / row.image).read_bytes()
        except OSError as error:
            raise DatasetError(f"{store.folder / row.image}: cannot be read ({error})") from error
        time = f"{row.start_s:.1f} to {row.end_s:.1f} s"
        shown.append(
            f"<figure>{embedded_png(png, f'spectrogram, {time}')}<figcaption>"
            f"<b>{escape(scored.recordings[i])}</b>, {time}<br>is {_label_html(true)} "
            f"({100 * scored.y_prob[i, scored.y_true[i]]:.0f} %)<br>"
            f"predicted {_label_html(predicted)} ({100 * sure[i]:.0f} %)</figcaption></figure>"
        )
    return "".join(shown) or "<p>There are none.</p>"


def _label_html(label: Any) -> str:
    english = f", {escape(label.english_name)}" if label.english_name else ""
    return f"<i>{escape(label.taxon)}</i>{english}"


_BODY = """<p>{summary}</p>
<h2>How good it is</h2>
{overall}
{by_sum}
{beyond}
{answers}
<h2>The most confident mistakes</h2>
<p>Each with the image that has the highest probability of the wrong label: time from left to
right, high frequencies on top. Some are mistakes of the model, some are wrong labels, and some
recordings hold two birds.</p>
<div class="images">{worst}</div>
<h2>More recordings, better recall?</h2>
{amounts}
{confusion}
<h2>Each label</h2>
{labels}
<p class="small">Bundle fingerprint {fingerprint}. The metrics are in metrics.json, the
probabilities in predictions.csv.</p>
"""
