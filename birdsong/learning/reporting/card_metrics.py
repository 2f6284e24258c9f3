"""Metrics of a bundle as sections of its card, measured on held-out recordings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.errors import DatasetError
from birdsong.learning.evaluation.metrics.classification import recall_by_label
from birdsong.learning.evaluation.scores import (
    ScoredRecordings,
    about_one_session,
    measure,
    measure_intervals,
    score,
)
from birdsong.learning.evaluation.selective import cross_fit_rules, summarize
from birdsong.learning.evaluation.selective_results import SelectiveResults
from birdsong.learning.evaluation.trusted_rank import TRUSTED_PROMISE
from birdsong.learning.reporting.markdown import plain, table
from birdsong.learning.reporting.report import BY_SUM, METRIC_NAMES
from birdsong.selective.rules import BY_RANK


def held_out_results(bundle: Bundle) -> tuple[ScoredRecordings | None, SelectiveResults | None]:
    """Score the held-out logits that a bundle carries, and the answers that follow from them.

    Parameters
    ----------
    bundle : Bundle

    Returns
    -------
    scored : ScoredRecordings or None
        None where the bundle carries no logits.
    results : SelectiveResults or None
        None where there are too few sessions for two folds, too.
    """
    data = bundle.calibration_data
    if data is None or not len(data):
        return None, None
    scored = score(data, bundle.label_space, calibration=bundle.calibration)
    try:
        results = cross_fit_rules(data, bundle.label_space)
    except DatasetError:  # too few sessions for two folds
        return scored, None
    return scored, results


def accuracy_section(
    bundle: Bundle, scored: ScoredRecordings | None, results: SelectiveResults | None
) -> str:
    """Lay out accuracies with their intervals, and what promises are worth, as Markdown."""
    tested = bundle.provenance.get("metrics", {}).get("test", {})
    kept_apart = (
        f"On the {tested['recordings']} recordings that training kept apart as a test, top-1 is "
        f"{percent(tested['top1'])} and top-5 {percent(tested['top5'])}."
        if tested.get("recordings") and {"top1", "top5"} <= set(tested)
        else ""
    )
    if scored is None:
        sentence = "The bundle holds nothing to measure it by: how good it is, is not known."
        return kept_apart or sentence
    values, intervals = measure(scored), measure_intervals(scored)
    rows = [
        [METRIC_NAMES[name], percent(value), _between(*intervals[name])]
        for name, value in values.items()
    ]
    held = (
        "Each was heard by a network of a fold that had not heard its session."
        if bundle.provenance.get("folds")
        else "Training kept their sessions apart."
    )
    parts = [
        f"Measured on {len(scored.recordings)} recordings of {len(set(scored.sessions))} sessions, "
        f"{len(np.unique(scored.y_true))} of {len(scored.labels)} labels. {held} Each recording "
        f"counts once; intervals of 95 % are over sessions.{about_one_session(scored)} {BY_SUM}",
        table(["measure", "value", "95 % interval"], rows),
        kept_apart,
        _promises(results),
    ]
    return "\n\n".join(part for part in parts if part)


def _promises(results: SelectiveResults | None) -> str:
    if results is None:
        return "What its promises are worth is not known: too few sessions to fit and to measure."
    measured = summarize(results)
    ranks = results.ranks
    rows = []
    for each in measured["rules"][BY_RANK.name]:
        cells = [
            f"{each[rank]['right']} of {each[rank]['answers']} right "
            f"({_between(each[rank]['low'], each[rank]['high'])})"
            if each[rank]["answers"]
            else "none"
            for rank in ranks
        ]
        rows.append(
            [
                percent(each["promise"], 0),
                *cells,
                str(each["class"]),
                str(each["none"]),
                f"{each['information']:.3f}",
            ]
        )
    header = ["promise", *ranks, "a bird, nothing closer", "no bird", "information gained"]
    calibration_errors = ", ".join(
        f"{rank} {own['expected_calibration_error']:.3f} ({own['perfect']:.3f})"
        for rank, own in measured["honesty"].items()
    )
    return (
        "A promise is the share of the answers at a rank, each rank by itself, that must be right. "
        "Each recording was answered by thresholds that were fitted to other sessions. Intervals "
        "are the binomial ones of 95 %. Information is what a right answer says as a share of what "
        f"a species says, a wrong answer nothing.\n\n{table(header, rows)}\n\n"
        "Expected calibration error of the probabilities, and in brackets that of a perfect model "
        f"on as many recordings: {calibration_errors}."
    )


def label_section(scored: ScoredRecordings | None, trust: Mapping[int, str]) -> str:
    """Lay out how each label fares, as Markdown; `trust` is from `trusted_ranks`."""
    if scored is None:
        return "Not known: the bundle holds nothing to measure it by."
    recalls = recall_by_label(scored.y_true, scored.y_prob)
    sessions = [
        {name for name, own in zip(scored.sessions, scored.y_true == i, strict=True) if own}
        for i in range(len(scored.labels))
    ]
    rows = [
        [
            plain(label.english_name or label.taxon),
            str(int((scored.y_true == i).sum())),
            str(len(sessions[i])),
            percent(float(recalls[i]), 0) if sessions[i] else "not measured",
            trust.get(i, "not measured"),
        ]
        for i, label in enumerate(scored.labels)
    ]
    return (
        "How many of a label's recordings had it as the most probable one, and the closest rank at "
        f"which, at a promise of {percent(TRUSTED_PROMISE, 0)}, at least half of them are "
        "answered and at most a tenth of the answers is wrong. Of so few recordings a label these "
        "are hints, not measurements.\n\n"
        + table(["label", "recordings", "sessions", "right", "trust at"], rows)
    )


def percent(share: float, digits: int = 1) -> str:
    """Write a share as people read it: ``47.5 %``."""
    return f"{100 * share:.{digits}f} %"


def _between(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f} %"
