"""Shows the progress of long work: a bar on a terminal, otherwise a line now and then."""

from __future__ import annotations

import sys
import time
from typing import Self

from birdsong.errors import one_line

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Prints the amount done, the rate and the time left, on standard error.

    Parameters
    ----------
    title : str
        Name of the work.
    total : int
        Number of items to process.
    unit : str
        Plural of what is counted, as ``recordings``.
    """

    def __init__(self, title: str, total: int, unit: str) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._done = self._done_before = 0
        self._started_s = self._last_line_s = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[rate]}"),
                progress.TimeRemainingColumn(),
                progress.TextColumn("{task.fields[note]}"),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(title, total=total, rate="", note="")

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()
        elif self._done:
            self._print_line(time.monotonic(), "")

    def restart_timer(self) -> None:
        """Measure rate and time left from now on; earlier items took no time."""
        self._done_before = self._done
        self._started_s = self._last_line_s = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start, greater than 0."""
        return max(time.monotonic() - self._started_s, 1e-9)

    def advance(self, note: str = "", *, n: int = 1) -> None:
        """Add `n` to the items done, and show `note` beside the count."""
        self._done += n
        now_s = time.monotonic()
        if self._bar:
            self._bar.update(self._task, advance=n, rate=self._rate(now_s), note=note)
        elif now_s - self._last_line_s >= SECONDS_BETWEEN_LINES and 1 < self._done < self._total:
            self._last_line_s = now_s
            self._print_line(now_s, note)

    def print_above(self, line: str) -> None:
        """Print one line above the bar; line breaks, as of a file name, become spaces."""
        line = one_line(line)
        if self._bar:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr)

    def _rate(self, now_s: float) -> str:
        per_s = (self._done - self._done_before) / max(now_s - self._started_s, 1e-9)
        return f"{per_s:.1f} {self._unit}/s"

    def _print_line(self, now_s: float, note: str) -> None:
        spent_s = now_s - self._started_s
        left_s = spent_s / max(1, self._done - self._done_before) * (self._total - self._done)
        left = f", {left_s:.0f} s left" if self._done < self._total else f" in {spent_s:.0f} s"
        text = f"{self._title}: {self._done} of {self._total}, {self._rate(now_s)}{left}"
        print(f"{text}  {note}".rstrip(), file=sys.stderr)
