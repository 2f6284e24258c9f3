"""The part of a report about answers: promises, calibration, unknown species."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from birdsong.bundle.bundle import Bundle
from birdsong.learning.evaluation.held_out import HeldOut, carried_out_of_fold
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

_FROM_BELOW = tuple(reversed(RANKS[1:]))


class Answers:
    """The answers that a bundle gives to the recordings it is measured on, counted.

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
        Ready for JSON: ``calibrated``, what `selective.summarize` counts of whole recordings and,
        under ``first_8_s``, of their first seconds, ``verdicts``, how many labels have each trusted
        rank, ``unknown_species``, what `unknown_species.answers_to_unknown` counts, and
        ``unknown_species_heard``, how many of these recordings are of training sessions.
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
            "verdicts": {rank: count[rank] for rank in (*_FROM_BELOW, NEVER)},
            "unknown_species": answers_to_unknown(bundle, unknown, sorted(GRID)) if unknown else [],
            "unknown_species_heard": sum(each in bundle.sessions for each in unknown.data.sessions)
            if unknown
            else 0,
        }

    def section(self) -> str:
        """Lay all of it out for a reader, as HTML."""
        metrics = self.metrics
        paths, right = self.results.evaluation_set.paths, self.results.evaluation_set.right
        by_rank = {
            rank: reliability(right[there, column], paths.probabilities[there, column])
            for rank in _FROM_BELOW
            if (there := paths.nodes[:, (column := RANKS.index(rank))] >= 0).any()
        }
        closest = self.results.ranks[0]
        column = RANKS.index(closest)
        return _SECTION.format(
            note="" if metrics["calibrated"] else _NOT_CALIBRATED,
            promises=_promise_table(metrics["rules"][BY_RANK.name], self.results.ranks),
            reliability=selective_figures.reliability_diagrams(by_rank),
            calibration_by_rank=_calibration_table(metrics["honesty"]),
            rules=selective_figures.risk_and_information(
                metrics["rules"],
                closest,
                risk_coverage(right[:, column], paths.probabilities[:, column]),
            ),
            equal=_equal_table(metrics["at_equal_accuracy"]),
            trusted_ranks=_trust_sentence(metrics["verdicts"], self.results.ranks),
            unknown=self._unknown(),
        )

    def _unknown(self) -> str:
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
        n_heard = self.metrics["unknown_species_heard"]
        return _UNKNOWN.format(
            n=by_promise[0]["recordings"],
            heard=f"Training heard {n_heard} of them all the same, beside its labels or in what it "
            "began with, which flatters the model."
            if n_heard
            else "Training heard none of them.",
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
    data = carried_out_of_fold(bundle)
    return cross_fit_rules(
        data,
        bundle.label_space,
        rules=rules,
        promises=GRID,
        allowed_mask=held_out.allowed_mask,
        asked_about=data.first_seconds(first_s, segment_s),
    )


def _promise_table(by_promise: Sequence[Mapping[str, Any]], ranks: Sequence[str]) -> str:
    """A row for each promise, a column for each rank: how many were answered, how many right."""
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
            kept = {True: "", False: ", <b>broken</b>", None: ", but few"}[own["holds"]]
            cells.append(
                f"<td>{_percent(own['share'])} answered,<br>{_percent(own['accuracy'])} right{kept}"
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
        "<th>area under risk and coverage</th></tr>"
    )
    return _table(head, rows)


def _equal_table(compared: Mapping[str, Mapping[str, float | None]]) -> str:
    if not compared:
        return ""
    rows = []
    for name, own in compared.items():
        by_rank = "out of reach" if own["by_rank"] is None else f"{own['by_rank']:.3f}"
        rows.append(
            f"<tr><td>{escape(name)}</td><td>{_percent(own['kept'] or 0.0)}</td>"
            f"<td>{own['information']:.3f}</td><td>{by_rank}</td></tr>"
        )
    head = (
        f"<tr><th>rule, at a promise of {_percent(TRUSTED_PROMISE)}</th>"
        "<th>kept at each rank</th><th>information gained</th>"
        f"<th>by {escape(BY_RANK.name)}, as much kept</th></tr>"
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
    "<p>The model is not calibrated: a promise is the probability that an answer needs, and "
    "nothing says that it holds.</p>"
)

_SECTION = (
    """<h2>What its answers are worth</h2>
{note}
<p>A promise is for each rank by itself: of the answers that name a species so many are right, and
so of those that stop at a genus. An interval is the binomial one of 95 %. Information is what a
right answer says as a share of what a species says, a wrong answer nothing.</p>
{promises}
<p>For each label the closest rank at which at least half of its recordings are answered at a
promise of """
    + _percent(TRUSTED_PROMISE)
    + """, and at most a tenth of the answers is wrong. <b>{trusted_ranks}</b></p>
<h2>Are its probabilities honest?</h2>
<p>Of answers said with 70 % about 70 % should be right: dots on the line. A perfect model strays
from it, too, since answers are few.</p>
{reliability}
{calibration_by_rank}
<h2>Other rules for choosing an answer</h2>
<p>Each line is a rule at promises from 50 to 99.9 %. Lower is surer; further to the right says
more.</p>
{rules}
{equal}
{unknown}"""
)

_UNKNOWN = """<h2>Species without a label</h2>
<p>{n} recordings of taxa that the model has no label for. {wrong} {heard}</p>
{table}
{figure}
"""
