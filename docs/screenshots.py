"""The images of the app in the README: ``python -m docs.screenshots RECORDING``.

Starts the app with the model that ships, gives it a recording, and photographs the answer in light
and dark and on a phone. Needs ``pip install ".[app,test]"`` and Debian's Chromium.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from benchmarks.served_app import chromium, served_app

DOCS = Path(__file__).parent
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1180, "height": 1500}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1180, "height": 1240}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 1240}},
}


def photograph(page: Page, path: Path) -> None:
    """Keep what the window shows, in as few colours as it needs."""
    page.evaluate("document.querySelectorAll('body *').forEach(e => { e.scrollTop = 0 })")
    page.wait_for_timeout(2500)
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def main(recording: Path) -> None:
    """Photograph each look."""
    with (
        tempfile.TemporaryDirectory() as home,
        chromium() as browser,
        served_app(Path(home)) as at,
    ):
        for look, options in LOOKS.items():
            page = browser.new_context(**options).new_page()
            page.set_default_timeout(120_000)
            page.goto(at.address)
            page.locator('input[type="file"]').first.set_input_files(recording)
            page.get_by_role("slider", name="Spectrogram of").wait_for()
            page.get_by_text("Show what the network saw").click()
            photograph(page, DOCS / f"app-{look}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
