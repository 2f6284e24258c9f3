"""What a person sees while work goes on: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from typing import Self

from birdsong.errors import one_line

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts work done, with the rate and the time that is left, on standard error.

    Parameters
    ----------
    title : str
        What is being done.
    total : int
        How much there is to do.
    unit : str
        What is counted.
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

    def begin(self) -> None:
        """Let rate and time left count from here: what is done so far was done before."""
        self._done_before = self._done
        self._started_s = self._last_line_s = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began, more than none."""
        return max(time.monotonic() - self._started_s, 1e-9)

    def advance(self, note: str = "", *, n: int = 1) -> None:
        """Count `n` more; `note` is shown beside it."""
        self._done += n
        now_s = time.monotonic()
        if self._bar:
            self._bar.update(self._task, advance=n, rate=self._rate(now_s), note=note)
        elif now_s - self._last_line_s >= SECONDS_BETWEEN_LINES and 1 < self._done < self._total:
            self._last_line_s = now_s
            self._print_line(now_s, note)

    def say(self, line: str) -> None:
        """Print a line that stays, above the bar: one, whatever of a file it quotes."""
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
        words = f"{self._title}: {self._done} of {self._total}, {self._rate(now_s)}{left}"
        print(f"{words}  {note}".rstrip(), file=sys.stderr)
