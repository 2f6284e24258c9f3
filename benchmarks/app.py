"""The app under people: how soon the first page, an answer and another promise are there.

A browser opens the page of a server that has just started; uploads a minute of MP3, once to warm
up and then several times anew; changes the promise; and at last some twenty people upload a minute
each at once. If asked to, they go on for some minutes: each opens the page anew, uploads, changes
the promise. The bundle is the one that ships. What the server process and its children hold in
memory is looked at every tenth of a second.
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

from benchmarks.classify import _recordings, write_minute
from benchmarks.preprocess import _made
from benchmarks.served_app import Served, chromium, served_app

N_PEOPLE = 20
PATIENCE_MS = 120_000


def measure(
    *, audio: Path | None, n_rounds: int, people: int = N_PEOPLE, minutes: float = 0.0
) -> dict[str, Any]:
    """Measure, and print what was found.

    Parameters
    ----------
    audio : Path or None
        Folder of recordings, of which the minute is put together; None makes them.
    n_rounds : int
    people : int
        Who upload at once.
    minutes : float
        How long they then go on.

    Returns
    -------
    dict
        Seconds from the start of the command to the first page; of each round those to the answer
        and to another promise; of each of the people those to their answer; the most memory of the
        server in bytes; of those who went on how many answers they got, the slowest, and what the
        server held after each round.
    """
    with tempfile.TemporaryDirectory() as scratch:
        made = None if audio else sorted(_made(Path(scratch) / "made").glob("*.mp3"))
        minute = Path(scratch) / "minute.mp3"
        write_minute(made or _recordings(audio or Path()), minute)
        figures: dict[str, Any] = {"load_before": os.getloadavg()[0]}
        home = Path(scratch) / "home"
        home.mkdir()
        with chromium() as browser:
            began_s = time.monotonic()
            with served_app(home) as served, _memory_of(served.process.pid) as most:
                page = _opened(browser, served.address)
                figures["first_page_s"] = time.monotonic() - began_s
                _seconds_to_answer(page, minute)
                figures |= {"answer_s": [], "promise_s": []}
                for _ in range(n_rounds):
                    page = _opened(browser, served.address)
                    figures["answer_s"].append(_seconds_to_answer(page, minute))
                    figures["promise_s"].append(_seconds_to_promise(page))
                figures["one_at_a_time_bytes"] = max(most)
                figures["people_s"] = _at_once(browser, served.address, minute, people)
                if minutes:
                    figures |= _go_on(browser, served, minute, people, minutes, most)
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


def _opened(browser: Any, address: str) -> Any:
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
    page.wait_for_timeout(1500)  # until the page has come to rest
    started_s = time.monotonic()
    page.get_by_text("80 %", exact=True).click()
    page.get_by_text("promise of 80 %").first.wait_for()
    return time.monotonic() - started_s


def _go_on(
    browser: Any, served: Served, minute: Path, people: int, minutes: float, held: list[int]
) -> dict[str, Any]:
    """Let people come, upload, change the promise and go, until the time is over."""
    until_s = time.monotonic() + 60 * minutes
    seconds, after = [], []
    while time.monotonic() < until_s:
        pages = [_opened(browser, served.address) for _ in range(people)]
        seconds += _uploaded(pages, minute)
        for page in pages:
            page.get_by_text("80 %", exact=True).click()
        for page in pages:
            page.get_by_text("promise of 80 %").first.wait_for()
            page.context.close()
        after.append(held[-1])
    errors = served.log.read_text(errors="replace").count("Traceback")
    return {"going_on_s": seconds, "held_bytes": after, "errors": errors}


def _at_once(browser: Any, address: str, minute: Path, people: int) -> list[float]:
    return _uploaded([_opened(browser, address) for _ in range(people)], minute)


def _uploaded(pages: list[Any], minute: Path) -> list[float]:
    """Upload on all of them at once; the seconds until each has its answer."""
    started_s = time.monotonic()
    for page in pages:
        _upload(page, minute)
    seconds = []
    for page in pages:
        page.get_by_text("Why:").first.wait_for()
        seconds.append(time.monotonic() - started_s)
    return seconds


@contextmanager
def _memory_of(process_id: int) -> Iterator[list[int]]:
    """Watch the memory of a process and its children; the list grows."""
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
