"""Runs ``birdsong app`` as a process on a free port, and Debian's Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_S = 180.0
END_S = 60.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running app.

    Attributes
    ----------
    address : str
    process : subprocess.Popen
    log : Path
        File with its output.
    """

    address: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def served_app(home: Path, words: Sequence[str] = ()) -> Iterator[Served]:
    """Run the app within the context, and end it with SIGINT.

    Parameters
    ----------
    home : Path
        Working and home folder of the app; gets its ``log.txt``.
    words : sequence of str
        Further options of ``birdsong app``.

    Raises
    ------
    RuntimeError
        If the app ends, or does not respond within three minutes.
    """
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    log = home / "log.txt"
    command = [sys.executable, "-m", "birdsong.pipelines.app", "--port", str(port), *words]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=home, env=os.environ | {"HOME": str(home)}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    served = Served(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait(served)
        yield served
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(served: Served) -> None:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s and served.process.poll() is None:
        try:
            urllib.request.urlopen(f"{served.address}/_stcore/health", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"birdsong app did not start: {served.log.read_text()}")


@contextmanager
def chromium() -> Iterator[Any]:
    """Run Debian's Chromium within the context, as a `playwright.sync_api.Browser`.

    Raises
    ------
    RuntimeError
        If Chromium is not installed.
    """
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        raise RuntimeError("Chromium is not installed; on Debian, run `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
