"""Section of the report about selective answers: promises, calibration, unknown species."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from birdsong.bundle.bundle import Bundle
from birdsong.learning.evaluation.held_out import HeldOut, out_of_fold_logits
from birdsong.learning.evaluation.metrics.calibration import reliability
from birdsong.learning.evaluation.metrics.hierarchical import risk_coverage
from birdsong.learning.evaluation.selective import (
    FIRST_S,
    PROMISES,
    at_equal_accuracy,
    cross_fit_rules,
    selective_results_of_bundle,
    summarize,
)
from birdsong.learning.evaluation.selective_results import SelectiveResults
from birdsong.learning.evaluation.trusted_rank import NEVER, TRUSTED_PROMISE, trusted_ranks
from birdsong.learning.evaluation.unknown_species import answers_to_unknown
from birdsong.learning.reporting import selective_figures
from birdsong.selective.promises import GRID
from birdsong.selective.rules import BY_HAND, BY_RANK, RULES
from birdsong.taxa.lineage import RANKS

_RANKS_FROM_SPECIES = tuple(reversed(RANKS[1:]))


class SelectiveReport:
    """Selective evaluation of a bundle, as metrics and as a section of the report.

    Parameters
    ----------
    held_out : HeldOut
    bundle : Bundle

    Attributes
    ----------
    results : SelectiveResults
    trusted_ranks : dict of int to str
        See `trusted_rank.trusted_ranks`.
    metrics : dict
        For JSON: ``calibrated``; the output of `selective.summarize` for whole recordings and,
        under ``first_8_s``, for their first seconds; ``verdicts``, the number of labels with each
        trusted rank; ``unknown_species``, the output of `unknown_species.answers_to_unknown`; and
        ``unknown_species_heard``, the number of these recordings in training sessions.
    """

    def __init__(self, held_out: HeldOut, bundle: Bundle) -> None:
        self.results = _selective_results(held_out, bundle)
        self.trusted_ranks = trusted_ranks(self.results)
        count = Counter(self.trusted_ranks.values())
        first_seconds = _selective_results(held_out, bundle, first_s=FIRST_S)
        whole, unknown = summarize(self.results), held_out.unknown
        self.metrics: dict[str, Any] = {
            "calibrated": bundle.calibration is not None or held_out.out_of_fold,
            **whole,
            "at_equal_accuracy": at_equal_accuracy(whole["rules"], TRUSTED_PROMISE),
            f"first_{FIRST_S:g}_s": summarize(first_seconds),
            "verdicts": {rank: count[rank] for rank in (*_RANKS_FROM_SPECIES, NEVER)},
            "unknown_species": answers_to_unknown(bundle, unknown, sorted(GRID)) if unknown else [],
            "unknown_species_heard": sum(each in bundle.sessions for each in unknown.data.sessions)
            if unknown
            else 0,
        }

    def section(self) -> str:
        """HTML of the section."""
        metrics = self.metrics
        paths, right = self.results.evaluation_set.paths, self.results.evaluation_set.right
        by_rank = {
            rank: reliability(right[present, column], paths.probabilities[present, column])
            for rank in _RANKS_FROM_SPECIES
            if (present := paths.nodes[:, (column := RANKS.index(rank))] >= 0).any()
        }
        lowest_rank = self.results.ranks[0]
        column = RANKS.index(lowest_rank)
        return _SECTION.format(
            note="" if metrics["calibrated"] else _NOT_CALIBRATED,
            promises=_promise_table(metrics["rules"][BY_RANK.name], self.results.ranks),
            reliability=selective_figures.reliability_diagrams(by_rank),
            calibration_by_rank=_calibration_table(metrics["honesty"]),
            rules=selective_figures.risk_and_information(
                metrics["rules"],
                lowest_rank,
                risk_coverage(right[:, column], paths.probabilities[:, column]),
            ),
            equal=_equal_table(metrics["at_equal_accuracy"]),
            trusted_ranks=_trust_sentence(metrics["verdicts"], self.results.ranks),
            unknown=self._unknown_section(),
        )

    def _unknown_section(self) -> str:
        by_promise = self.metrics["unknown_species"]
        if not by_promise:
            return ""
        known = {each["promise"]: each for each in self.metrics["rules"][BY_RANK.name]}
        n_known = self.metrics["recordings"]
        points = []
        for each in by_promise:
            named = each["species"]["right"] + each["species"]["wrong"]
            right = known[each["promise"]]["species"]["right"] / n_known
            if named or right:
                points.append((each["promise"], named / each["recordings"], right))
        n_in_training = self.metrics["unknown_species_heard"]
        return _UNKNOWN.format(
            n=by_promise[0]["recordings"],
            in_training=f"Training used {n_in_training} of them, as auxiliary classes, as partial "
            "labels or in the pretrained network, so that these figures are too good."
            if n_in_training
            else "Training used none of them.",
            wrong="Every species that it names is wrong."
            if "species" in self.results.ranks
            else "",
            table=_unknown_table(
                [e for e in by_promise if e["promise"] in PROMISES], self.results.ranks
            ),
            figure=selective_figures.unknown_species(points) if points else "",
        )


def _selective_results(
    held_out: HeldOut, bundle: Bundle, first_s: float = math.inf
) -> SelectiveResults:
    rules, segment_s = (*RULES, *BY_HAND), bundle.spectrogram.segment_s
    if not held_out.out_of_fold:
        return selective_results_of_bundle(
            bundle,
            held_out.data.first_seconds(first_s, segment_s),
            rules=rules,
            promises=GRID,
            allowed_mask=held_out.allowed_mask,
        )
    data = out_of_fold_logits(bundle)
    return cross_fit_rules(
        data,
        bundle.label_space,
        rules=rules,
        promises=GRID,
        allowed_mask=held_out.allowed_mask,
        evaluation_data=data.first_seconds(first_s, segment_s),
    )


def _promise_table(by_promise: Sequence[Mapping[str, Any]], ranks: Sequence[str]) -> str:
    """HTML table with coverage and accuracy: a row for each promise, a column for each rank."""
    rows = []
    for each in by_promise:
        if each["promise"] not in PROMISES:
            continue
        cells = []
        for rank in ranks:
            own = each[rank]
            if not own["answers"]:
                cells.append("<td>none</td>")
                continue
            note = {True: "", False: ", <b>broken</b>", None: ", too few to tell"}[own["holds"]]
            cells.append(
                f"<td>{_percent(own['share'])} answered,<br>{_percent(own['accuracy'])} right{note}"
                f"<br><small>{_percent(own['low'])} to {_percent(own['high'])}</small></td>"
            )
        n = each["answers"] + each["class"] + each["none"]
        rows.append(
            f"<tr><td>{_percent(each['promise'])}</td>{''.join(cells)}"
            f"<td>{_percent(each['class'] / n)}</td><td>{_percent(each['none'] / n)}</td>"
            f"<td>{each['information']:.3f}</td></tr>"
        )
    named = "".join(f"<th>{rank}</th>" for rank in ranks)
    head = (
        f"<tr><th>promise</th>{named}<th>a bird, nothing closer</th><th>no bird</th>"
        "<th>information gained</th></tr>"
    )
    return _table(head, rows)


def _calibration_table(calibration_by_rank: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        f"<tr><td>{rank}, by label</td><td>{_percent(own['confidence'])}</td>"
        f"<td>{_percent(own['accuracy'])}</td><td>{own['expected_calibration_error']:.3f}</td>"
        f"<td>{own['perfect']:.3f}</td><td>{own['area_under_risk_coverage']:.3f}</td></tr>"
        for rank, own in calibration_by_rank.items()
    ]
    head = (
        "<tr><th>rank</th><th>mean probability</th><th>right</th>"
        "<th>expected calibration error</th><th>of a perfect model</th>"
        "<th>area under the risk-coverage curve</th></tr>"
    )
    return _table(head, rows)


def _equal_table(compared: Mapping[str, Mapping[str, float | None]]) -> str:
    if not compared:
        return ""
    rows = []
    for name, own in compared.items():
        by_rank = "not reached" if own["by_rank"] is None else f"{own['by_rank']:.3f}"
        rows.append(
            f"<tr><td>{escape(name)}</td><td>{_percent(own['kept'] or 0.0)}</td>"
            f"<td>{own['information']:.3f}</td><td>{by_rank}</td></tr>"
        )
    head = (
        f"<tr><th>rule, at a promise of {_percent(TRUSTED_PROMISE)}</th>"
        "<th>lowest accuracy of a rank</th><th>information gained</th>"
        f"<th>information by {escape(BY_RANK.name)} at that accuracy</th></tr>"
    )
    return _table(head, rows)


def _unknown_table(by_promise: Sequence[Mapping[str, Any]], ranks: Sequence[str]) -> str:
    has_species, coarser = "species" in ranks, [rank for rank in ranks if rank != "species"]
    rows = []
    for each in by_promise:
        n = each["recordings"]
        cells = [f"<td>{_percent(each['species']['wrong'] / n)}</td>"] if has_species else []
        cells += [
            f"<td>{_percent(each[rank]['right'] / n)} right,<br>"
            f"{_percent(each[rank]['wrong'] / n)} wrong</td>"
            for rank in coarser
        ]
        rows.append(
            f"<tr><td>{_percent(each['promise'])}</td>{''.join(cells)}"
            f"<td>{_percent(each['class'] / n)}</td><td>{_percent(each['none'] / n)}</td></tr>"
        )
    species = "<th>a wrong species</th>" if has_species else ""
    named = "".join(f"<th>{rank}</th>" for rank in coarser)
    head = (
        f"<tr><th>promise</th>{species}{named}<th>a bird, nothing closer</th><th>no bird</th></tr>"
    )
    return _table(head, rows)


def _trust_sentence(count: Mapping[str, int], ranks: Sequence[str]) -> str:
    labels = [f"at {rank}: {count[rank]}" for rank in ranks]
    return escape(f"Trust {'; '.join(labels)}; never: {count[NEVER]}.")


def _table(head: str, rows: Sequence[str]) -> str:
    body = "\n".join(rows)
    return f'<div class="wide"><table><thead>{head}</thead>\n<tbody>{body}</tbody></table></div>'


def _percent(share: float) -> str:
    return f"{100 * share:.1f}&nbsp;%".replace(".0&nbsp;", "&nbsp;")


_NOT_CALIBRATED = (
    "<p>The model is not calibrated: a promise is used as the threshold of a probability, and is "
    "not guaranteed to hold.</p>"
)

_SECTION = (
    """<h2>Answers and promises</h2>
{note}
<p>A promise is the share of right answers at each rank by itself: among the answers with a species,
and among those with a genus. Intervals are binomial, at 95 %. Information is that of the right
answers as a share of the information of a species; wrong answers count 0.</p>
{promises}
<p>The trusted rank of a label is the lowest rank at which, at a promise of """
    + _percent(TRUSTED_PROMISE)
    + """, at least half of its recordings are answered and at most a tenth of the answers are
wrong. <b>{trusted_ranks}</b></p>
<h2>Calibration</h2>
<p>Of the answers with a probability of 70 %, about 70 % should be right: the dots should be on the
line. A perfect model is not exactly on it, either, with so few answers.</p>
{reliability}
{calibration_by_rank}
<h2>Other rules for choosing an answer</h2>
<p>Each line is a rule at promises from 50 to 99.9 %. Lower means fewer wrong answers, and further
to the right means more information.</p>
{rules}
{equal}
{unknown}"""
)

_UNKNOWN = """<h2>Species without a label</h2>
<p>{n} recordings of taxa that the model has no label for. {wrong} {in_training}</p>
{table}
{figure}
"""
