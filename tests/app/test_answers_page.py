"""The page without a browser: uploads, answers, promises, files that cannot be read."""

import io
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

import birdsong.app
from birdsong.answers.classifier import Classifier, ClassifyConfig
from birdsong.app.examples import find_examples
from birdsong.images.store import open_store
from birdsong.preprocessing.preprocess import preprocess
from birdsong.preprocessing.preprocess_recording import PreprocessConfig
from birdsong.recordings.manifest import read_manifest, write_manifest
from birdsong.recordings.recording import Recording
from tests.conftest import RATE_HZ, voice
from tests.images.folder_contents import contents

pytest.importorskip("streamlit", reason="the app needs Streamlit")

from streamlit.testing.v1 import AppTest

PAGE = Path(birdsong.app.__file__).with_name("streamlit_script.py")
PATIENCE_S = 120


def wav(name: str, seconds: float = 7.0, seed: int = 700) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, voice(name, seconds, seed), RATE_HZ, format="WAV")
    return content.getvalue()


@pytest.fixture
def page(bundle_dir, monkeypatch):
    monkeypatch.setenv("BIRDSONG_BUNDLE", str(bundle_dir))
    return AppTest.from_file(str(PAGE), default_timeout=PATIENCE_S).run()


def upload(page, *files):
    page.file_uploader[0].set_value([(name, content, "audio/wav") for name, content in files])
    page.run()
    assert not page.exception
    return page


def test_an_empty_page_says_what_to_do(page):
    assert not page.exception
    assert page.title[0].value == "Which bird is this?"
    assert page.file_uploader[0].label == "Recordings"
    assert any("Add a recording" in text.value for text in page.markdown)
    assert any("knows 3 species of 2 families" in text.value for text in page.markdown)
    assert any("not calibrated" in caption.value for caption in page.sidebar.caption)


def test_what_a_promise_means_for_a_calibrated_model(calibrated_dir, monkeypatch):
    monkeypatch.setenv("BIRDSONG_BUNDLE", str(calibrated_dir))
    page = AppTest.from_file(str(PAGE), default_timeout=PATIENCE_S).run()
    captions = [caption.value for caption in page.sidebar.caption]
    assert any("Of the answers at each rank at least this share are right" in c for c in captions)
    assert not any("not calibrated" in caption for caption in captions)
    upload(page, ("low.wav", wav("low")))
    (answer,) = page.subheader
    assert answer.value
    assert not any("not calibrated" in text.value for text in page.markdown)


def test_a_promise_without_support_is_explained(calibrated_dir, monkeypatch):
    """Also where the page names the possible taxa."""
    monkeypatch.setenv("BIRDSONG_BUNDLE", str(calibrated_dir))
    page = AppTest.from_file(str(PAGE), default_timeout=PATIENCE_S).run()
    upload(page, ("low.wav", wav("low")))
    page.sidebar.radio[0].set_value(0.99).run()
    prediction = Classifier.load(calibrated_dir).classify(
        wav("low"), name="low.wav", config=ClassifyConfig(promise=0.99)
    )
    because = prediction.answer.because
    assert "recordings" in because
    assert prediction.reason == f"{because}."
    shown = [caption.value.replace("\\", "") for caption in page.main.caption]
    assert f"Why: {because}." in shown


def test_a_recording_gets_its_answer(page, bundle_dir):
    content = wav("low")
    upload(page, ("my low.wav", content))
    prediction = Classifier.load(bundle_dir).classify(content, name="my low.wav")

    assert "` my low.wav `" in [text.value for text in page.markdown]
    assert prediction.answer.taxon in page.subheader[0].value
    (lineage,) = (html.value for html in page.html)
    assert all(step.taxon in lineage for step in prediction.path)
    (detections,) = (table.value for table in page.main.dataframe)
    assert len(detections) == len(prediction.detections) > 0
    assert [button.label for button in page.get("download_button")] == [
        *("Detections as CSV", "Everything as JSON", "Kaleidoscope table"),
        *("Raven selection table", "Audacity labels"),
        *("Its sound as WAV", "Its spectrogram as PNG"),
    ]


def chosen(page, label):
    (found,) = (each for each in page.selectbox if each.label == label)
    return found


def test_a_birds_card(page):
    upload(page, ("low.wav", wav("low")))
    about = chosen(page, "About")
    about.select_index(0).run()
    assert not page.exception
    text = " ".join(each.value for each in page.markdown)
    assert "https://xeno-canto.org/species/Gravis-profundus" in text
    assert "Trained on 6 recordings of 6 sessions." in text


def test_a_list_narrows_the_answer(page):
    upload(page, ("low.wav", wav("low")))
    page.sidebar.selectbox[0].select("Choose families").run()
    page.sidebar.multiselect[0].select("Acutidae").run()
    assert not page.exception
    assert any("Limited to 2 of 3 labels." in each.value for each in page.sidebar.caption)
    assert "Gravis" not in page.subheader[0].value
    page.sidebar.selectbox[0].select("Paste a list").run()
    page.sidebar.text_area[0].set_value("Turdus merula").run()
    assert "the model knows none of the 1 names" in page.sidebar.error[0].value
    names = "low voice\nAcutus sp.\nParus/Pica\n" + "".join(f"Novus n{n}\n" for n in range(12))
    page.sidebar.text_area[0].set_value(names).run()
    (caption,) = (each.value for each in page.sidebar.caption if "Limited" in each.value)
    assert "Limited to 3 of 3 labels." in caption
    assert "Unknown to the model: Novus n0, " in caption
    assert "Novus n9 and 2 more. Skipped, as of no single species: Parus/Pica." in caption


def test_a_correction_becomes_a_row_of_a_manifest(page, tmp_path):
    upload(page, ("my low.wav", wav("low")))
    chosen(page, "What is the correct answer?").select("Acutidae (family)").run()
    assert not page.exception
    assert any("Correction: Acutidae." in each.value for each in page.markdown)
    assert "1 correction as a manifest" in [each.label for each in page.get("download_button")]
    (row,) = page.session_state["corrections"].values()
    write_manifest(tmp_path / "corrections.csv", [row])
    (again,) = read_manifest(tmp_path / "corrections.csv")
    assert (again.file, again.order, again.family, again.genus, again.species) == (
        "my low.wav", "Fictiformes", "Acutidae", "", "",
    )  # fmt: skip


def correct(page, name, truth):
    """Upload a recording, correct its answer, and return the command that the page shows."""
    upload(page, (name, wav("low")))
    chosen(page, "What is the correct answer?").select(truth).run()
    assert not page.exception
    (command,) = (code.value for code in page.code)
    return shlex.split(command)


def run_as_printed(words, folder):
    command = [sys.executable, "-m", "birdsong.pipelines.command", *words[1:]]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("settings", [{}, {"step_s": 2.0, "grid": True}])
def test_the_command_for_corrections_keeps_the_images_that_there_are(
    voices, bundle_dir, monkeypatch, tmp_path, settings
):
    audio, rows = voices
    rows = rows[::8]
    images = tmp_path / "my images"
    preprocess(rows, audio, images, config=PreprocessConfig(**settings))
    before = {path.name: path.read_bytes() for path in images.glob("*/*.png")}
    write_manifest(tmp_path / "birds.csv", rows)
    monkeypatch.chdir(tmp_path)
    paths = {"bundle": bundle_dir, "audio": audio, "manifest": tmp_path / "birds.csv"}
    for name, path in {**paths, "images": images}.items():
        monkeypatch.setenv(f"BIRDSONG_{name.upper()}", str(path))
    page = AppTest.from_file(str(PAGE), default_timeout=PATIENCE_S).run()
    words = correct(page, "my low.wav", "Acutidae (family)")
    assert words[:10] == [
        *("birdsong", "preprocess", "--manifest", "birds.csv", "corrections.csv"),
        *("--audio", str(audio), "corrections", "--out", "my images"),
    ]

    (row,) = page.session_state["corrections"].values()
    write_manifest(tmp_path / "corrections.csv", [row])
    (tmp_path / "corrections").mkdir()
    (tmp_path / "corrections" / "my low.wav").write_bytes(wav("low"))
    done = run_as_printed(words, tmp_path)
    assert done.returncode == 0, done.stderr
    now = {path.name: path.read_bytes() for path in images.glob("*/*.png")}
    assert before.items() < now.items()
    recordings = {row.recording for row in open_store(images).rows}
    assert recordings == {*(each.name for each in rows), "my low.wav"}


def test_the_command_for_corrections_alone_loses_no_image_either(
    voices, bundle_dir, monkeypatch, tmp_path
):
    """The app knows of no manifest, and images lie where it says to put them."""
    audio, rows = voices
    preprocess(rows[:2], audio, tmp_path / "images")
    before = contents(tmp_path / "images")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BIRDSONG_BUNDLE", str(bundle_dir))
    monkeypatch.setenv("BIRDSONG_MANIFEST", str(tmp_path / "absent.csv"))
    page = AppTest.from_file(str(PAGE), default_timeout=PATIENCE_S).run()
    words = correct(page, "my low.wav", "Acutidae (family)")
    assert shlex.join(words) == (
        "birdsong preprocess --manifest corrections.csv --audio corrections --out images"
    )
    (row,) = page.session_state["corrections"].values()
    write_manifest(tmp_path / "corrections.csv", [row])
    (tmp_path / "corrections").mkdir()
    (tmp_path / "corrections" / "my low.wav").write_bytes(wav("low"))
    done = run_as_printed(words, tmp_path)
    assert done.returncode == 2
    assert "of 2 recordings that the manifest does not name; nothing was changed" in done.stderr
    assert contents(tmp_path / "images") == before


def test_examples_are_those_that_the_model_may_know(
    page, voices, bundle_dir, monkeypatch, tmp_path
):
    folder, rows = voices
    stranger = Recording(file=rows[0].file, genus="Turdus", species="merula")
    write_manifest(tmp_path / "m.csv", [stranger, *rows[::-2]])
    monkeypatch.setenv("BIRDSONG_AUDIO", str(folder))
    monkeypatch.setenv("BIRDSONG_MANIFEST", str(tmp_path / "m.csv"))
    page = AppTest.from_file(str(PAGE), default_timeout=PATIENCE_S).run()
    (offered,) = page.pills
    assert len(offered.options) == 2, "one of each family"
    first = find_examples(folder, tmp_path / "m.csv", Classifier.load(bundle_dir).bundle)[0]
    offered.set_value(first).run()
    assert not page.exception
    assert len(page.subheader) == 1
    assert any("by the recordist" in each.value for each in page.markdown)


def test_what_the_network_saw(page):
    upload(page, ("low.wav", wav("low")))
    assert not page.image
    page.checkbox[0].check().run()
    assert not page.exception
    assert "bird " in chosen(page, "Segment").options[0]
    assert len(page.image) == 1
    chosen(page, "Segment").select_index(1).run()
    assert not page.exception
    assert any("200 by 64 pixels" in caption.value for caption in page.caption)


def test_another_promise_does_not_run_the_network_again(page, monkeypatch):
    n_bytes = []
    real = Classifier.run_inference

    def run_inference(self, source, **options):
        n_bytes.append(len(source))
        return real(self, source, **options)

    monkeypatch.setattr(Classifier, "run_inference", run_inference)
    upload(page, ("low.wav", wav("low")))
    for promise in (0.99, 0.8, 0.9):
        page.sidebar.radio[0].set_value(promise).run()
        asked = f"{100 * promise:g} % were asked for"
        assert any(asked in each.value for each in (*page.caption, *page.markdown))
    assert len(n_bytes) == 1

    page.file_uploader[0].set_value(None)
    page.run()
    assert page.session_state["results"] == page.session_state["digests"] == {}


def test_a_bad_file_is_a_sentence_and_the_others_go_on(page):
    upload(page, ("**bad**.wav", b"a letter " * 500), ("low.wav", wav("low")), ("no.mp3", b""))
    bad, empty = (error.value for error in page.error)
    assert bad.startswith("` **bad**.wav ` cannot be read: not audio")
    assert empty.startswith(r"` no.mp3 ` cannot be read: is empty \(0 bytes\)")
    assert len(page.subheader) == 1


def test_the_same_name_twice(page):
    upload(page, ("a.wav", wav("low")), ("a.wav", wav("high")), ("a.wav", wav("high")))
    assert len(page.subheader) == 3


def test_no_bundle_says_what_to_type(monkeypatch, tmp_path):
    monkeypatch.setenv("BIRDSONG_BUNDLE", str(tmp_path / "absent"))
    page = AppTest.from_file(str(PAGE), default_timeout=PATIENCE_S).run()
    assert not page.exception
    assert "No model can be loaded" in page.error[0].value
    assert "birdsong app --bundle runs/genus/bundle" in page.code[0].value
    assert not page.file_uploader
