"""The page about a training: its learning curves so far, and the load of the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from birdsong.old_names import IMAGE_FIELDS

from .answer_text import escape_markdown, markdown_code

_CURVES = (
    ("Loss", {"loss": "training", "val_loss": "validation"}),
    ("Top-1 accuracy", {"top1": "training", "val_top1": "validation"}),
    ("Top-5 accuracy", {"top5": "training", "val_top5": "validation"}),
    ("Learning rate", {"learning_rate": "learning rate"}),
    ("Images a second", {"images_per_s": "images a second"}),
)
_MACHINE = (
    ("Processor, percent", {"cpu_percent": "all cores"}),
    ("Memory, megabytes", {"memory_mb": "this training", "free_memory_mb": "free"}),
    ("Read from disk, megabytes a second", {"disk_read_mb_s": "all disks"}),
    ("GPU, percent", {"gpu_percent": "all GPUs"}),
)
"""Title of each chart, and the legend text of each column that it shows."""
_HEIGHT = 220
_LEGEND_HEIGHT = 40
_MAX_POINTS = 100  # more points would hide the line


def show_run_page(folder: Path) -> None:
    """Show a running or finished training."""
    st.title("Training", anchor=False)
    st.caption(f"From {markdown_code(str(folder))}")
    history = _table(folder / "history.csv", "epoch")
    if history is None:
        return
    st.button("Refresh", icon=":material/refresh:")  # any click runs the page again
    last = history.iloc[-1]
    columns = st.columns(4)
    columns[0].metric("Epochs", len(history))
    for i, (name, title) in enumerate(
        [("val_top1", "Validation, top 1"), ("val_top5", "Validation, top 5")], start=1
    ):
        if name in history:
            columns[i].metric(title, f"{last[name]:.1%}")
    if "seconds" in history:
        columns[3].metric("Seconds an epoch", f"{history['seconds'].median():.0f}")
    _draw(history.assign(epoch=history["epoch"] + 1), "epoch", _CURVES)
    if (folder / "system.csv").is_file():
        st.subheader("Load of the machine", anchor=False)
        system = _table(folder / "system.csv", "time_s")
        if system is not None:
            _draw(system.assign(minutes=system["time_s"] / 60), "minutes", _MACHINE)


def _draw(table: pd.DataFrame, x: str, charts: tuple[tuple[str, Mapping[str, str]], ...]) -> None:
    columns = st.columns(2)
    i = 0
    for title, names in charts:
        shown = {name: names[name] for name in names if name in table and table[name].notna().any()}
        if shown:
            with columns[i % 2]:
                st.markdown(f"**{title}**")
                renamed = table[[x, *shown]].rename(columns=shown)
                st.vega_lite_chart(renamed, _lines(x, list(shown.values()), len(table)))
            i += 1


def _lines(x: str, names: Sequence[str], n_rows: int) -> dict[str, Any]:
    """Return the Vega-Lite spec of a line chart; epochs have ticks only at whole numbers."""
    whole = {"tickMinStep": 1, "format": "d"} if x == "epoch" else {}
    encoding: dict[str, Any] = {
        "x": {"field": x, "type": "quantitative", "title": x, "axis": whole,
              "scale": {"zero": False, "nice": False}},
        "y": {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": False}},
        "tooltip": [{"field": x, "type": "quantitative"}, {"field": "what", "title": " "},
                    {"field": "value", "type": "quantitative", "format": ".4~g"}],
    }  # fmt: skip
    if len(names) > 1:
        encoding["color"] = {
            "field": "what", "type": "nominal", "title": None, "scale": {"domain": list(names)},
            "legend": {"orient": "top", "offset": 4},
        }  # fmt: skip
    return {
        "height": _HEIGHT + (_LEGEND_HEIGHT if len(names) > 1 else 0),
        "transform": [{"fold": list(names), "as": ["what", "value"]}],
        "mark": {"type": "line", "point": n_rows <= _MAX_POINTS},
        "encoding": encoding,
    }


def _table(path: Path, x: str) -> pd.DataFrame | None:
    """Read a table of numbers with an x column; show an error if that is impossible."""
    try:
        table = pd.read_csv(path).rename(columns=IMAGE_FIELDS)
        if x not in table:
            raise ValueError(f"it has no column {x!r}")
        table = table.apply(pd.to_numeric)
    except (OSError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        st.error(
            f"{markdown_code(str(path))} cannot be shown: {escape_markdown(reason)}. "
            "`birdsong train images --out RUN` writes a run folder."
        )
        return None
    if table.empty:
        st.info(f"{markdown_code(str(path))} has no rows yet.")
        return None
    return table
