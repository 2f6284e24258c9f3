"""Plots the history of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from birdsong.html_page import integer_ticks

CURVES = (
    ("loss", "cross-entropy"),
    ("top1", "top-1 by image"),
    ("learning_rate", "learning rate"),
)


def write_history_plot(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw loss, accuracy and learning rate over the epochs.

    Parameters
    ----------
    history : sequence of mappings
        Metrics of each epoch, with the columns of ``history.csv``.
    path : Path
        The PNG to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.2), layout="constrained")
    epochs = [row["epoch"] + 1 for row in history]
    for axes, (name, title) in zip(figure.subplots(1, len(CURVES)), CURVES, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if history and key in history[0]:
                axes.plot(epochs, [row[key] for row in history], marker=".", label=label)
        axes.set(xlabel="epoch", title=title)
        integer_ticks(axes.xaxis)
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    figure.savefig(path, dpi=110)
