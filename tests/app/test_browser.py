"""The page in a browser, as a person meets it: ``birdsong app``, real uploads, no outside."""

import csv
import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import soundfile
from PIL import Image

from benchmarks.classify import repeat_mp3
from benchmarks.served_app import chromium, served_app
from birdsong.answers.classifier import Classifier
from birdsong.answers.text_exports import to_json_line
from birdsong.app.answer_text import headline_text
from tests.conftest import RATE_HZ, voice

PATIENCE_S = 180

if shutil.which("chromium") is None:
    pytest.skip("no browser: needs Debian's package 'chromium'", allow_module_level=True)
pytest.importorskip("streamlit", reason="the app needs Streamlit")
pytest.importorskip("playwright.sync_api", reason="needs playwright")


@pytest.fixture(scope="module")
def served(bundle_dir, tmp_path_factory):
    """The command itself on a port of its own; its address and its home folder."""
    home = tmp_path_factory.mktemp("home")
    with served_app(home, ["--bundle", str(bundle_dir)]) as running:
        yield running.address, home
    shown = running.log.read_text()
    assert running.process.returncode == 130, shown
    assert f"open {running.address}" in shown
    assert "Traceback" not in shown
    assert not (home / ".streamlit").exists(), "neither credentials nor a machine's number"


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


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
    return headline_text(Classifier.load(bundle_dir).classify(content)).replace("*", "")


DRAWN = """([image, isSame]) => [...document.querySelectorAll('*')].some(each => {
    const drawn = each.shadowRoot?.querySelector('.stage img');
    return drawn && (drawn.src === image) === isSame;
})"""


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
    page.get_by_text("cannot be read: not audio").wait_for()
    assert page.get_by_text("garden *low*.wav", exact=True).count() >= 1
    figure = page.get_by_role("slider", name="Spectrogram of 10.0 s")
    figure.wait_for()
    assert figure.locator("img").evaluate("image => image.naturalHeight") == 64
    assert page.get_by_test_id("stAudio").count() == 1
    page.get_by_text("Show what the network saw").click()
    page.get_by_text("200 by 64 pixels").wait_for()
    photograph(page, screenshots / f"{look}.png")
    wider = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not wider, "the page must not scroll sideways"
    assert page.get_by_text("Traceback").count() == 0


def test_a_detection_is_played_and_a_stretch_is_looked_at(open_page):
    page = open_page()
    upload(page, ("low.wav", "audio/wav", wav("low")))
    figure = page.get_by_role("slider", name="Spectrogram of 10.0 s")
    figure.wait_for()
    sound = "document.querySelector('[data-testid=stAudio]')"
    page.wait_for_function(f"{sound}.readyState >= 2")
    page.get_by_role("button", name="Play Gravis profundus").last.click()
    page.wait_for_function(f"!{sound}.paused")
    start_s = page.evaluate(f"{sound}.currentTime")
    page.wait_for_function(f"{sound}.paused", timeout=30_000)
    end_s = page.evaluate(f"{sound}.currentTime")
    assert 0 <= start_s < end_s <= 10.1, "it stops where the detection ends"

    whole = figure.locator("img").get_attribute("src")
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_function(DRAWN, arg=[whole, False])
    figure.focus()
    page.keyboard.press("Home")
    page.wait_for_function(f"{sound}.currentTime === 0")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{sound}.currentTime > 0")
    page.get_by_role("button", name="Show the whole recording").click()
    page.wait_for_function(DRAWN, arg=[whole, True])


def test_downloads_hold_the_answer(open_page, bundle_dir):
    page = open_page()
    upload(page, ("low.wav", "audio/wav", wav("low")), ("high.wav", "audio/wav", wav("high")))

    def download(label) -> tuple[str, bytes]:
        with page.expect_download() as caught:
            page.get_by_role("button", name=label).click()
        return caught.value.suggested_filename, Path(caught.value.path()).read_bytes()

    name, content = download("All 2 answers as ZIP")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert (name, len(archive.namelist())) == ("birdsong.zip", 7)
    page.get_by_text("Download", exact=True).first.click()
    name, content = download("Detections as CSV")
    assert name == "low.csv"
    (row, *_) = csv.DictReader(io.StringIO(content.decode()))
    assert (row["recording"], row["start_s"]) == ("low.wav", "0.0")
    name, content = download("Everything as JSON")
    assert json.loads(content) == json.loads(
        to_json_line(Classifier.load(bundle_dir).classify(wav("low"), name="low.wav"))
    )
    found = Classifier.load(bundle_dir).classify(wav("low")).detections
    name, content = download("Raven selection table")
    rows = list(csv.DictReader(io.StringIO(content.decode()), delimiter="\t"))
    assert name == "low.selections.txt"
    assert [row["Taxon"] for row in rows] == [each.taxon for each in found]
    name, content = download("Audacity labels")
    labels = [line.split("\t") for line in content.decode().splitlines()]
    assert name == "low.labels.txt"
    assert [float(end_s) for _, end_s, _ in labels] == pytest.approx([e.end_s for e in found])
    name, content = download("Kaleidoscope table")
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert (name, rows[0]["IN FILE"]) == ("low.kaleidoscope.csv", "low.wav")
    assert [row["scientific_name"] for row in rows] == [each.taxon for each in found]
    name, content = download("Its sound as WAV")
    samples, rate_hz = soundfile.read(io.BytesIO(content))
    assert name == "low_0.0_Gravis_profundus.wav"
    assert len(samples) / rate_hz == pytest.approx(found[0].end_s - found[0].start_s, abs=0.01)
    name, content = download("Its spectrogram as PNG")
    assert name == "low_0.0_Gravis_profundus.png"
    with Image.open(io.BytesIO(content)) as image:
        assert image.height == 4 * 64


def test_another_promise_and_a_list(open_page):
    page = open_page()
    upload(page, ("low.wav", "audio/wav", wav("low")))
    page.get_by_role("heading", name="Gravis profundus").wait_for()
    page.get_by_text("99 %", exact=True).click()
    page.get_by_text("99 % were asked for").first.wait_for()
    page.get_by_role("combobox", name="Possible birds").click()
    page.get_by_role("option", name="Paste a list").click()
    page.get_by_role("textbox", name="One name per line").fill("Acutus summus\n")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Limited to 1 of 3 labels.").wait_for()
    page.get_by_role("heading", name="Gravis profundus").wait_for(state="detached")


def test_a_phones_recording_is_answered(open_page, bundle_dir):
    content = m4a("high")
    page = open_page()
    upload(page, ("memo.m4a", "audio/mp4", content))
    page.get_by_role("heading", name=heading(bundle_dir, content)).wait_for()


def test_a_recording_as_published_is_answered(open_page, bundle_dir, real_recordings):
    paths = sorted((real_recordings.parent / "originals").glob("*.mp3"))
    if not paths:
        pytest.skip("needs real recordings beside the project")
    path = min(paths, key=lambda path: path.stat().st_size)
    page = open_page()
    page.locator('input[type="file"]').first.set_input_files(path)
    page.get_by_role("heading", name=heading(bundle_dir, path.read_bytes())).first.wait_for()


@pytest.mark.slow
def test_an_hour(open_page, tmp_path, screenshots):
    minute = tmp_path / "minute.mp3"
    soundfile.write(
        minute, voice("low", 60, 1), RATE_HZ, bitrate_mode="CONSTANT", compression_level=0.5
    )
    hour = tmp_path / "hour.mp3"
    hour.write_bytes(b"".join(repeat_mp3(minute.read_bytes(), 60)))
    page = open_page(viewport={"width": 1280, "height": 900})
    page.locator('input[type="file"]').first.set_input_files(hour)
    page.get_by_role("heading", name="Too long for one answer").wait_for()
    figure = page.get_by_role("slider", name="Spectrogram of 1:00:0")
    figure.wait_for()
    whole = figure.locator("img").get_attribute("src")
    figure.focus()
    for _ in range(9):
        page.keyboard.press("+")
    page.wait_for_function(DRAWN, arg=[whole, False])
    page.wait_for_timeout(2000)
    assert figure.locator("img").evaluate("image => image.naturalWidth") < 400, "seconds, in full"
    page.get_by_role("button", name="Play Gravis profundus").first.click()
    sound = "document.querySelector('[data-testid=stAudio]')"
    page.wait_for_function(f"!{sound}.paused && {sound}.currentTime > 0")
    photograph(page, screenshots / "hour.png")
