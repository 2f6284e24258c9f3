"""The page about a training: its curves as far as they have come, and the machine's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from .answer_words import as_code, as_text

_CURVES = (
    ("Loss", ("loss", "val_loss")),
    ("Top-1 accuracy", ("top1", "val_top1")),
    ("Top-5 accuracy", ("top5", "val_top5")),
    ("Learning rate", ("learning_rate",)),
    ("Pictures a second", ("images_per_s",)),
)
_MACHINE = (
    ("Processor, percent", ("cpu_percent",)),
    ("Memory, megabytes", ("memory_mb", "free_memory_mb")),
    ("Read from disk, megabytes a second", ("disk_read_mb_s",)),
    ("GPU, percent", ("gpu_percent",)),
)


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
    _draw(history, "epoch", _CURVES)
    if (folder / "system.csv").is_file():
        st.subheader("The machine meanwhile", anchor=False)
        system = _table(folder / "system.csv", "time_s")
        if system is not None:
            _draw(system, "time_s", _MACHINE)


def _draw(table: pd.DataFrame, x: str, charts: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    columns = st.columns(2)
    place = 0
    for title, names in charts:
        held = [name for name in names if name in table and table[name].notna().any()]
        if held:
            with columns[place % 2]:
                st.markdown(f"**{title}**")
                st.line_chart(table, x=x, y=held, height=220)
            place += 1


def _table(path: Path, x: str) -> pd.DataFrame | None:
    """Read a table of numbers with a column to draw the others over; say what is wrong with it."""
    try:
        table = pd.read_csv(path)
        if x not in table:
            raise ValueError(f"it has no column {x!r}")
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
