"""The page in a browser, as a person meets it: ``birdsong app``, real uploads, no outside."""

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import soundfile

from birdsong.answers.classifier import Classifier
from birdsong.app.answer_words import headline
from tests.conftest import RATE_HZ, voice

CHROMIUM = shutil.which("chromium")
PATIENCE_S = 180

if CHROMIUM is None:
    pytest.skip("no browser: needs Debian's package 'chromium'", allow_module_level=True)
pytest.importorskip("streamlit", reason="the app needs Streamlit")
playwright_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def served(bundle_dir, tmp_path_factory):
    """The command itself on a port of its own; its address and its home folder."""
    home = tmp_path_factory.mktemp("home")
    port = free_port()
    log = home / "log.txt"
    with log.open("w") as output:
        server = subprocess.Popen(
            [
                sys.executable, "-m", "birdsong.pipelines.app",
                "--bundle", str(bundle_dir), "--port", str(port),
            ],
            cwd=home, env=os.environ | {"HOME": str(home)},
            stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(2 * PATIENCE_S):
            assert server.poll() is None, log.read_text()
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5),
            ):
                break
            time.sleep(0.5)
        yield address, home
    finally:
        server.send_signal(signal.SIGINT)
        status = server.wait(timeout=60)
    assert status == 130, log.read_text()
    shown = log.read_text()
    assert f"open {address}" in shown
    assert "Traceback" not in shown
    assert not (home / ".streamlit").exists(), "neither credentials nor a machine's number"


@pytest.fixture(scope="module")
def browser():
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def screenshots(tmp_path) -> Path:
    folder = Path(os.environ.get("BIRDSONG_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def open_page(browser, served):
    """Open the page in a window of some size and colours; no request may leave the machine."""
    address, _ = served
    contexts, strangers = [], []

    def note(request):
        if urlsplit(request.url).hostname not in ("127.0.0.1", None):
            strangers.append(request.url)

    def open_one(**kwargs):
        context = browser.new_context(**kwargs)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE_S)
        page.on("request", note)
        page.goto(address)
        page.get_by_role("heading", name="Which bird is this?").wait_for()
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert strangers == []


def wav(name: str) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, voice(name, 10, 800), RATE_HZ, format="WAV")
    return content.getvalue()


def m4a(name: str) -> bytes:
    """The same as a phone records it."""
    av = pytest.importorskip("av", reason="needs PyAV to write an M4A")
    content = io.BytesIO()
    with av.open(content, "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(voice(name, 10, 801)[None], format="fltp", layout="mono")
        frame.sample_rate = RATE_HZ
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return content.getvalue()


def heading(bundle_dir, content: bytes) -> str:
    """What the page must say of a recording, without the marks for italics."""
    return headline(Classifier.load(bundle_dir).classify(content)).replace("*", "")


def upload(page, *files):
    page.locator('input[type="file"]').set_input_files(
        [{"name": name, "mimeType": mime, "buffer": content} for name, mime, content in files]
    )


def photograph(page, path):
    """Make the window as high as the page, which scrolls inside it."""
    size = page.viewport_size
    height = page.evaluate(
        "Math.max(...[...document.querySelectorAll('body *')].map(e => e.scrollHeight))"
    )
    page.set_viewport_size({"width": size["width"], "height": min(height + 40, 6000)})
    page.evaluate("document.querySelectorAll('body *').forEach(e => { e.scrollTop = 0 })")
    page.wait_for_timeout(1500)
    page.screenshot(path=path)
    page.set_viewport_size(size)


@pytest.mark.parametrize(
    ("look", "options"),
    [
        ("light", {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}}),
        pytest.param(
            "dark",
            {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "phone",
            {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "has_touch": True},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_recording_is_answered(open_page, bundle_dir, screenshots, look, options):
    page = open_page(**options)
    upload(
        page,
        ("garden *low*.wav", "audio/wav", wav("low")),
        ("broken.mp3", "audio/mpeg", b"a letter " * 500),
    )
    page.get_by_role("heading", name=heading(bundle_dir, wav("low"))).wait_for()
    page.get_by_text("cannot be answered: not audio").wait_for()
    assert page.get_by_text("garden *low*.wav", exact=True).count() >= 1
    figure = page.get_by_role("img", name="Spectrogram of 10.0 s")
    figure.wait_for()
    assert figure.evaluate("image => image.naturalHeight") == 64
    assert page.locator("audio").count() == 1
    page.get_by_text("Show what the network saw").click()
    page.get_by_text("200 by 64 pixels").wait_for()
    photograph(page, screenshots / f"{look}.png")
    wider = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not wider, "the page must not scroll sideways"
    assert page.get_by_text("Traceback").count() == 0


def test_downloads_hold_the_answer(open_page):
    page = open_page()
    upload(page, ("low.wav", "audio/wav", wav("low")))
    with page.expect_download() as caught:
        page.get_by_role("button", name="Detections as CSV").click()
    assert caught.value.suggested_filename == "low.csv"
    table = Path(caught.value.path()).read_text(encoding="utf-8")
    assert table.startswith("recording,start_s,end_s,rank,taxon,english_name,probability,promise\n")
    assert "low.wav,0.0," in table


def test_a_phones_recording_is_answered(open_page, bundle_dir):
    content = m4a("high")
    page = open_page()
    upload(page, ("memo.m4a", "audio/mp4", content))
    page.get_by_role("heading", name=heading(bundle_dir, content)).wait_for()
