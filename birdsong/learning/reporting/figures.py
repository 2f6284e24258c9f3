"""Plots of an evaluation, each an ``<svg>`` element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from birdsong.arrays import IntArray
from birdsong.html_page import BAR, INK, draw_svg, integer_ticks, percent_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_NAMES = 600
MANY_NAMES = 40
_CELL = 0.2
"""Size of a cell in inches, so that names and numbers are readable at full size."""


def interval_bars(
    names: Sequence[str], values: Sequence[float], intervals: Sequence[tuple[float, float]]
) -> str:
    """Draw shares as bars with their intervals.

    Parameters
    ----------
    names : sequence of str
    values : sequence of float in [0, 1]
    intervals : sequence of (low, high)

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    middle = np.array(values)
    low, high = np.array(intervals).T
    # The value may lie just outside of its bootstrap interval.
    errors = np.maximum([middle - low, high - middle], 0)
    places = np.arange(len(names))[::-1]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.barh(places, middle, xerr=errors, color=BAR, ecolor=INK, capsize=3, height=0.6)
        for place, value, top in zip(places, middle, high, strict=True):
            axes.text(max(top, value) + 0.015, place, f"{100 * value:.1f} %", va="center")
        axes.set(xlim=(0, 1.15), yticks=places, yticklabels=names)
        percent_ticks(axes.xaxis)

    return draw_svg(draw, width=7.5, height=0.42 * len(names) + 0.8)


def recall_by_amount(n_recordings: Sequence[int], recalls: Sequence[float]) -> str:
    """Plot the recall of each label over its number of training recordings.

    Parameters
    ----------
    n_recordings : sequence of int
    recalls : sequence of float in [0, 1]

    Returns
    -------
    str
        An ``<svg>`` element.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.scatter(n_recordings, recalls, s=18, color=BAR, alpha=0.7, linewidths=0)
        integer_ticks(axes.xaxis)
        axes.set(xlabel="recordings learned from", ylabel="recall at top 1", ylim=(-0.05, 1.05))
        percent_ticks(axes.yaxis)
        axes.grid(alpha=0.25)

    return draw_svg(draw, width=7.5, height=3.2)


def confusion(matrix: IntArray, names: Sequence[str]) -> str:
    """Draw a confusion matrix; colours are row-normalised counts.

    Parameters
    ----------
    matrix : int, shape (n, n)
        Row: the true label. Column: the most probable one.
    names : sequence of str, length n
        Names and counts are shown for up to `MAX_NAMES` labels.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    n = len(names)
    totals = matrix.sum(axis=1, keepdims=True)
    shares: npt.NDArray[np.float64] = np.divide(
        matrix, totals, out=np.zeros(matrix.shape), where=totals > 0
    )

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        image = axes.imshow(
            np.where(shares > 0, shares, np.nan), vmin=0, vmax=1, cmap="viridis_r",
            interpolation="none",
        )  # fmt: skip
        axes.set(xlabel="most probable", ylabel="true")
        if n <= MAX_NAMES:
            axes.set_xticks(range(n), names, rotation=90, fontsize=8)
            axes.set_yticks(range(n), names, fontsize=8)
            if n > MANY_NAMES:  # names on all sides, for scrolling
                axes.tick_params(labeltop=True, labelright=True, top=True, right=True)
            for true, predicted in np.argwhere(matrix):
                axes.text(
                    predicted, true, str(matrix[true, predicted]), ha="center", va="center",
                    fontsize=7, color="white" if shares[true, predicted] > 0.4 else "black",
                )  # fmt: skip
        figure.colorbar(
            image, ax=axes, shrink=min(1.0, 3 / side), anchor=(0.0, 1.0),
            label="share of the true label's recordings",
        )  # fmt: skip

    side = max(_CELL * min(n, MAX_NAMES), 4.0)
    return draw_svg(draw, width=side + 4, height=side + 3)
