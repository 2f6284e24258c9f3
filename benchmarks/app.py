"""Latency and memory of the app with one user and with many.

A browser opens the page of a new server, uploads a minute of MP3, first to warm up and then several
times, and changes the promise. Then twenty users upload a minute each at the same time. With
`minutes` they continue: each opens the page again, uploads, and changes the promise. The bundle is
the default one. The memory of the server and its children is sampled ten times a second.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.classify import find_recordings, write_minute
from benchmarks.preprocess import write_recordings_as_mp3
from benchmarks.served_app import Served, chromium, served_app

N_PEOPLE = 20
PATIENCE_MS = 120_000


def measure(
    *, audio: Path | None, n_rounds: int, people: int = N_PEOPLE, minutes: float = 0.0
) -> dict[str, Any]:
    """Measure latency and memory, and print them.

    Parameters
    ----------
    audio : Path or None
        Folder of recordings for the minute of MP3; None for synthetic ones.
    n_rounds : int
    people : int
        Number of users who upload at the same time.
    minutes : float
        Minutes for which they continue.

    Returns
    -------
    dict
        Seconds from the start of the command to the first page; of each round, seconds to the
        answer and to another promise; seconds to the answer of each user; the peak memory of the
        server in bytes; of the continued use, the seconds of all answers and the memory after each
        round.
    """
    with tempfile.TemporaryDirectory() as scratch:
        made = (
            None if audio else sorted(write_recordings_as_mp3(Path(scratch) / "made").glob("*.mp3"))
        )
        minute = Path(scratch) / "minute.mp3"
        write_minute(made or find_recordings(audio or Path()), minute)
        figures: dict[str, Any] = {"load_before": os.getloadavg()[0]}
        home = Path(scratch) / "home"
        home.mkdir()
        with chromium() as browser:
            began_s = time.monotonic()
            with served_app(home) as served, _watch_memory(served.process.pid) as most:
                page = _open_page(browser, served.address)
                figures["first_page_s"] = time.monotonic() - began_s
                _seconds_to_answer(page, minute)
                figures |= {"answer_s": [], "promise_s": []}
                for _ in range(n_rounds):
                    page = _open_page(browser, served.address)
                    figures["answer_s"].append(_seconds_to_answer(page, minute))
                    figures["promise_s"].append(_seconds_to_promise(page))
                figures["one_at_a_time_bytes"] = max(most)
                figures["people_s"] = _upload_together(browser, served.address, minute, people)
                if minutes:
                    figures |= _keep_using(browser, served, minute, people, minutes, most)
                figures["most_bytes"] = max(most)
    print(
        f"first page {figures['first_page_s']:.1f} s after the start; answer to a minute of MP3 "
        f"{statistics.median(figures['answer_s']):.2f} s, another promise "
        f"{statistics.median(figures['promise_s']):.2f} s"
    )
    print(
        f"{people} people at once: answers after {min(figures['people_s']):.1f} to "
        f"{max(figures['people_s']):.1f} s; the server held at most "
        f"{figures['most_bytes'] / 1e6:.0f} MB, {figures['one_at_a_time_bytes'] / 1e6:.0f} before"
    )
    if minutes:
        held = [each / 1e6 for each in figures["held_bytes"]]
        print(
            f"{people} people for {minutes:g} minutes: {len(figures['going_on_s'])} answers, the "
            f"slowest after {max(figures['going_on_s']):.1f} s; the server held {held[0]:.0f} MB "
            f"after the first round, {held[-1]:.0f} after the last; errors in its log: "
            f"{figures['errors']}"
        )
    return figures


def _open_page(browser: Any, address: str) -> Any:
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    page.get_by_role("heading", name="Which bird is this?").wait_for()
    return page


def _upload(page: Any, minute: Path) -> None:
    page.locator('input[type="file"]').first.set_input_files(minute)


def _seconds_to_answer(page: Any, minute: Path) -> float:
    started_s = time.monotonic()
    _upload(page, minute)
    page.get_by_text("Why:").first.wait_for()
    return time.monotonic() - started_s


def _seconds_to_promise(page: Any) -> float:
    page.wait_for_timeout(1500)  # until the page is idle
    started_s = time.monotonic()
    page.get_by_text("80 %", exact=True).click()
    page.get_by_text("promise of 80 %").first.wait_for()
    return time.monotonic() - started_s


def _keep_using(
    browser: Any, served: Served, minute: Path, people: int, minutes: float, held: list[int]
) -> dict[str, Any]:
    """Let users open, upload, change the promise and leave until the time is over."""
    until_s = time.monotonic() + 60 * minutes
    seconds, after = [], []
    while time.monotonic() < until_s:
        pages = [_open_page(browser, served.address) for _ in range(people)]
        seconds += _upload_on_all(pages, minute)
        for page in pages:
            page.get_by_text("80 %", exact=True).click()
        for page in pages:
            page.get_by_text("promise of 80 %").first.wait_for()
            page.context.close()
        after.append(held[-1])
    errors = served.log.read_text(errors="replace").count("Traceback")
    return {"going_on_s": seconds, "held_bytes": after, "errors": errors}


def _upload_together(browser: Any, address: str, minute: Path, people: int) -> list[float]:
    return _upload_on_all([_open_page(browser, address) for _ in range(people)], minute)


def _upload_on_all(pages: list[Any], minute: Path) -> list[float]:
    """Upload on all pages at once; return the seconds until each has its answer."""
    started_s = time.monotonic()
    for page in pages:
        _upload(page, minute)
    seconds = []
    for page in pages:
        page.get_by_text("Why:").first.wait_for()
        seconds.append(time.monotonic() - started_s)
    return seconds


@contextmanager
def _watch_memory(process_id: int) -> Iterator[list[int]]:
    """Sample the memory of a process and its children into a list."""
    import psutil

    process, most, is_over = psutil.Process(process_id), [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.1):
            held = 0
            for each in (process, *process.children(recursive=True)):
                try:
                    held += each.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            most.append(held)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield most
    finally:
        is_over.set()
        watching.join()
