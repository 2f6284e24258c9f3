"""The pictures of the app in the README: ``python docs/screenshots.py RECORDING``.

Starts the app with the model that ships, gives it a recording, and photographs the answer in light
and dark and on a phone. Needs ``pip install ".[app,test]"`` and Debian's Chromium.
"""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

DOCS = Path(__file__).parent
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1180, "height": 1900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1180, "height": 1240}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 1240}},
}


@contextmanager
def app():
    """Serve the app on a free port; yields its address."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    command = [sys.executable, "-m", "birdsong.pipelines.app", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                break
            except (OSError, urllib.error.URLError):
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=60)


def photograph(page: Page, path: Path) -> None:
    """Keep what the window shows, in as few colours as it needs."""
    page.evaluate("document.querySelectorAll('body *').forEach(e => { e.scrollTop = 0 })")
    page.wait_for_timeout(2500)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def main(recording: Path) -> None:
    """Photograph each look."""
    with app() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for look, options in LOOKS.items():
            page = browser.new_context(**options).new_page()
            page.set_default_timeout(120_000)
            page.goto(address)
            page.locator('input[type="file"]').set_input_files(recording)
            page.get_by_role("img", name="Spectrogram of").wait_for()
            page.get_by_text("Show what the network saw").click()
            photograph(page, DOCS / f"app-{look}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
