"""Sections of the model card about metrics on held-out recordings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.errors import DatasetError
from birdsong.learning.evaluation.metrics.classification import recall_by_label
from birdsong.learning.evaluation.scores import (
    ScoredRecordings,
    measure,
    measure_intervals,
    score,
    single_session_note,
)
from birdsong.learning.evaluation.selective import cross_fit_rules, summarize
from birdsong.learning.evaluation.selective_results import SelectiveResults
from birdsong.learning.evaluation.trusted_rank import TRUSTED_PROMISE
from birdsong.learning.reporting.markdown import escape, table
from birdsong.learning.reporting.report import BY_SUM, METRIC_NAMES
from birdsong.selective.rules import BY_RANK


def held_out_results(bundle: Bundle) -> tuple[ScoredRecordings | None, SelectiveResults | None]:
    """Score the out-of-fold logits of a bundle, and evaluate its answers selectively.

    Parameters
    ----------
    bundle : Bundle

    Returns
    -------
    scored : ScoredRecordings or None
        None if the bundle has no logits.
    results : SelectiveResults or None
        None if there are no logits, or too few sessions for two folds.
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
    """Markdown of the metrics with their intervals, and of the promises."""
    tested = bundle.provenance.get("metrics", {}).get("test", {})
    test_metrics = (
        f"On the {tested['recordings']} recordings of the test split, top-1 is "
        f"{percent(tested['top1'])} and top-5 {percent(tested['top5'])}."
        if tested.get("recordings") and {"top1", "top5"} <= set(tested)
        else ""
    )
    if scored is None:
        sentence = "The bundle holds no out-of-fold logits, so that its accuracy is not known."
        return test_metrics or sentence
    values, intervals = measure(scored), measure_intervals(scored)
    rows = [
        [METRIC_NAMES[name], percent(value), _between(*intervals[name])]
        for name, value in values.items()
    ]
    held_out_note = (
        "Each was predicted by a network of a fold that did not learn from its session."
        if bundle.provenance.get("folds")
        else "Their sessions were not used in training."
    )
    parts = [
        f"Measured on {len(scored.recordings)} recordings of {len(set(scored.sessions))} sessions, "
        f"{len(np.unique(scored.y_true))} of {len(scored.labels)} labels. {held_out_note} Each "
        f"recording counts once; intervals of 95 % are over sessions."
        f"{single_session_note(scored)} {BY_SUM}",
        table(["measure", "value", "95 % interval"], rows),
        test_metrics,
        _promises(results),
    ]
    return "\n\n".join(part for part in parts if part)


def _promises(results: SelectiveResults | None) -> str:
    if results is None:
        return "Promises are not measured: there are too few sessions for two folds."
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
        "A promise is the share of right answers at each rank by itself. The thresholds for each "
        "recording were fitted to other sessions. Intervals are binomial, at 95 %. Information is "
        "that of the right answers as a share of the information of a species; wrong answers count "
        f"0.\n\n{table(header, rows)}\n\n"
        "Expected calibration error of the probabilities, and in brackets that of a perfect model "
        f"on as many recordings: {calibration_errors}."
    )


def label_section(scored: ScoredRecordings | None, trust: Mapping[int, str]) -> str:
    """Markdown of the recall and trusted rank of each label; `trust` is from `trusted_ranks`."""
    if scored is None:
        return "Not known: the bundle holds no out-of-fold logits."
    recalls = recall_by_label(scored.y_true, scored.y_prob)
    sessions = [
        {name for name, own in zip(scored.sessions, scored.y_true == i, strict=True) if own}
        for i in range(len(scored.labels))
    ]
    rows = [
        [
            escape(label.english_name or label.taxon),
            str(int((scored.y_true == i).sum())),
            str(len(sessions[i])),
            percent(float(recalls[i]), 0) if sessions[i] else "not measured",
            trust.get(i, "not measured"),
        ]
        for i, label in enumerate(scored.labels)
    ]
    return (
        "Recall of each label, and its trusted rank: the lowest rank at which, at a promise of "
        f"{percent(TRUSTED_PROMISE, 0)}, at least half of the label's recordings are answered and "
        "at most a tenth of the answers are wrong. With so few recordings per label these are "
        "rough estimates.\n\n"
        + table(["label", "recordings", "sessions", "right", "trust at"], rows)
    )


def percent(share: float, digits: int = 1) -> str:
    """Format a share as ``47.5 %``."""
    return f"{100 * share:.{digits}f} %"


def _between(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f} %"
