"""Plots of the selective evaluation, each an ``<svg>`` element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from birdsong.html_page import BAR, INK, draw_svg, percent_ticks
from birdsong.learning.evaluation.metrics.calibration import Reliability
from birdsong.learning.evaluation.metrics.hierarchical import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = (
    BAR, "#e07a1f", "#2a9d5c", "#b04fc4", "#c8454d", "#8a7a2f", "#5a8f9c", "#9c6b5a", "#6673c9",
)  # fmt: skip
_MARKERS = "osD^v"
"""Further rules reuse the colours with another marker."""


def reliability_diagrams(by_rank: Mapping[str, Reliability]) -> str:
    """Draw a reliability diagram for each rank.

    Parameters
    ----------
    by_rank : Mapping
        Bins of each rank, the lowest rank first.

    Returns
    -------
    str
        An ``<svg>`` element. The area of a dot is proportional to the answers in its bin.
    """

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(by_rank), sharey=True, squeeze=False)[0]
        for axes, (rank, bins) in zip(panels, by_rank.items(), strict=True):
            axes.plot([0, 1], [0, 1], color=INK, alpha=0.3, linewidth=1)
            sizes = 250 * bins.n / bins.n.max()
            axes.scatter(bins.confidence, bins.accuracy, s=sizes, color=BAR, linewidths=0)
            axes.set(title=rank, xlabel="probability", xlim=(0, 1.02), ylim=(0, 1.02), aspect=1)
            percent_ticks(axes.xaxis)
            percent_ticks(axes.yaxis)
            axes.set_xticks([0, 0.5, 1])
        panels[0].set_ylabel("right")

    return draw_svg(draw, width=2.3 * len(by_rank) + 0.7, height=2.9)


def risk_and_information(
    rules: Mapping[str, Sequence[Mapping[str, Any]]],
    lowest_rank: str,
    lowest_rank_curve: tuple[Floats, Floats],
) -> str:
    """Plot the risk of every rule over coverage, and over information gained.

    Parameters
    ----------
    rules : Mapping
        Outputs of `selective_results.answers_by_rank` at each promise, by the name of the rule.
    lowest_rank : str
        Lowest rank of the labels.
    lowest_rank_curve : coverage, risk : float64, shape (n,)
        Risk-coverage curve of that rank alone, from `metrics.hierarchical.risk_coverage`.

    Returns
    -------
    str
        An ``<svg>`` element.
    """

    def draw(figure: Figure) -> None:
        by_answers, by_information = figure.subplots(1, 2, sharey=True)
        by_answers.plot(
            *lowest_rank_curve,
            color=INK,
            alpha=0.5,
            linewidth=1,
            label=f"any threshold for {lowest_rank}",
        )
        for i, (name, by_promise) in enumerate(rules.items()):
            colour = _COLOURS[i % len(_COLOURS)]
            marker = _MARKERS[i // len(_COLOURS) % len(_MARKERS)]
            given = [each for each in by_promise if each["answers"]]
            wrong = [1 - each["accuracy"] for each in given]
            for axes, along in (
                (by_answers, [_share_answered(each) for each in given]),
                (by_information, [each["information"] for each in given]),
            ):
                axes.plot(
                    along, wrong, "-", marker=marker, color=colour, markersize=3.5, linewidth=1,
                    label=name,
                )  # fmt: skip
        by_answers.set(xlabel="recordings answered", ylabel="answers that are wrong")
        by_information.set(xlabel="information gained")
        percent_ticks(by_answers.xaxis)
        percent_ticks(by_answers.yaxis)
        for axes in (by_answers, by_information):
            axes.set_xlim(left=0)
            axes.set_ylim(bottom=0)
            axes.grid(alpha=0.25)
        figure.legend(
            *by_answers.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8
        )

    return draw_svg(draw, width=7.5, height=4.6)


def _share_answered(counts: Mapping[str, Any]) -> float:
    return float(counts["answers"] / (counts["answers"] + counts["class"] + counts["none"]))


def unknown_species(points: Sequence[tuple[float, float, float]]) -> str:
    """Plot right answers to known species over wrong answers to unknown species.

    Parameters
    ----------
    points : sequence of (promise, wrong, right)
        Share in [0, 1] of the recordings of unknown species that are answered with a species, and
        share of those of known species that are answered with the right species.

    Returns
    -------
    str
        An ``<svg>`` element.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        wrong, right = ([each[i] for each in points] for i in (1, 2))
        axes.plot(wrong, right, "o-", color=BAR, markersize=4)
        for promise, x, y in points:
            axes.annotate(
                f"{100 * promise:g} %", (x, y), xytext=(4, -10), textcoords="offset points",
                fontsize=8,
            )  # fmt: skip
        axes.set(xlabel="unknown species: wrong species", ylabel="known species: right species")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        percent_ticks(axes.xaxis)
        percent_ticks(axes.yaxis)
        axes.grid(alpha=0.25)

    return draw_svg(draw, width=5.5, height=3.4)
