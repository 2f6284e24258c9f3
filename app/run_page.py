"""The page about a training: its curves as far as they have come, and the machine's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from .answer_words import as_code, as_text

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
"""What each chart shows: its title, and the columns with the words that its legend has for them."""
_HEIGHT = 220
_LEGEND_HEIGHT = 40
_MOST_POINTS = 100  # more of them would hide the line


def show_run_page(folder: Path) -> None:
    """Show a training that goes on or has ended."""
    st.title("Training", anchor=False)
    st.caption(f"From {as_code(str(folder))}")
    history = _table(folder / "history.csv", "epoch")
    if history is None:
        return
    st.button("Read again", icon=":material/refresh:")  # any click draws the page anew
    last = history.iloc[-1]
    columns = st.columns(4)
    columns[0].metric("Epochs", len(history))
    for place, (name, title) in enumerate(
        [("val_top1", "Validation, top 1"), ("val_top5", "Validation, top 5")], start=1
    ):
        if name in history:
            columns[place].metric(title, f"{last[name]:.1%}")
    if "seconds" in history:
        columns[3].metric("Seconds an epoch", f"{history['seconds'].median():.0f}")
    _draw(history.assign(epoch=history["epoch"] + 1), "epoch", _CURVES)
    if (folder / "system.csv").is_file():
        st.subheader("The machine meanwhile", anchor=False)
        system = _table(folder / "system.csv", "time_s")
        if system is not None:
            _draw(system.assign(minutes=system["time_s"] / 60), "minutes", _MACHINE)


def _draw(table: pd.DataFrame, x: str, charts: tuple[tuple[str, Mapping[str, str]], ...]) -> None:
    columns = st.columns(2)
    place = 0
    for title, words in charts:
        held = {name: words[name] for name in words if name in table and table[name].notna().any()}
        if held:
            with columns[place % 2]:
                st.markdown(f"**{title}**")
                named = table[[x, *held]].rename(columns=held)
                st.vega_lite_chart(named, _lines(x, list(held.values()), len(table)))
            place += 1


def _lines(x: str, names: Sequence[str], n_rows: int) -> dict[str, Any]:
    """Describe a chart of lines; epochs have ticks at whole numbers alone."""
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
        "mark": {"type": "line", "point": n_rows <= _MOST_POINTS},
        "encoding": encoding,
    }


def _table(path: Path, x: str) -> pd.DataFrame | None:
    """Read a table of numbers with a column to draw the others over; say what is wrong with it."""
    try:
        table = pd.read_csv(path)
        if x not in table:
            raise ValueError(f"it has no column {x!r}")
        table = table.apply(pd.to_numeric)
    except (OSError, ValueError) as error:
        reason = "there is none" if isinstance(error, FileNotFoundError) else str(error)
        st.error(
            f"{as_code(str(path))} cannot be shown: {as_text(reason)}. A run folder is what "
            "`birdsong train images --out RUN` writes."
        )
        return None
    if table.empty:
        st.info(f"{as_code(str(path))} holds no row yet.")
        return None
    return table
