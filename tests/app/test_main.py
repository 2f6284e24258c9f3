"""The page without a browser: uploads, answers, promises, files that cannot be read."""

import io
import json
from pathlib import Path

import pytest
import soundfile

import birdsong.app
from birdsong.answers.classifier import Classifier
from tests.conftest import RATE_HZ, voice

pytest.importorskip("streamlit", reason="the app needs Streamlit")

from streamlit.testing.v1 import AppTest

PAGE = Path(birdsong.app.__file__).with_name("main.py")
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
    assert any("Add one or more recordings" in caption.value for caption in page.caption)
    assert any("knows 3 species" in text.value for text in page.sidebar.markdown)
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


def test_a_recording_gets_its_answer(page, bundle_dir):
    content = wav("low")
    upload(page, ("my low.wav", content))
    prediction = Classifier.load(bundle_dir).classify(content, name="my low.wav")

    assert "` my low.wav `" in [text.value for text in page.markdown]
    assert prediction.answer.taxon in page.subheader[0].value
    lineage, figure = (html.value for html in page.html)
    assert all(step.taxon in lineage for step in prediction.path)
    assert "Spectrogram of 7.0 s" in figure
    top, detections = (table.value for table in page.main.dataframe)
    assert list(top["Taxon"]) == [taxon.taxon for taxon in prediction.top]
    assert list(top["Probability"]) == [taxon.probability for taxon in prediction.top]
    assert len(detections) == len(prediction.detections) > 0
    assert [button.label for button in page.get("download_button")] == [
        "Detections as CSV",
        "Everything as JSON",
    ]


def test_what_the_network_saw(page):
    upload(page, ("low.wav", wav("low")))
    assert not page.selectbox
    assert not page.image
    page.checkbox[0].check().run()
    assert not page.exception
    assert "bird " in page.selectbox[0].options[0]
    assert len(page.image) == 1
    page.selectbox[0].select_index(1).run()
    assert not page.exception
    assert any("200 by 64 pixels" in caption.value for caption in page.caption)


def test_a_promise_is_kept_and_nothing_is_heard_twice(page, monkeypatch):
    heard = []
    real = Classifier.classify

    def classify(self, source, *, name="", config=None):
        heard.append(config.promise)
        return real(self, source, name=name, config=config)

    monkeypatch.setattr(Classifier, "classify", classify)
    upload(page, ("low.wav", wav("low")))
    page.sidebar.radio[0].set_value(0.99).run()
    assert any("99 % were asked for" in text.value for text in page.markdown)
    page.sidebar.radio[0].set_value(0.9).run()
    assert any("90 % were asked for" in text.value for text in page.markdown)
    assert heard == [0.9, 0.99]

    page.file_uploader[0].set_value(None)
    page.run()
    assert page.session_state["heard"] == page.session_state["digests"] == {}


def test_a_bad_file_is_a_sentence_and_the_others_go_on(page):
    upload(page, ("**bad**.wav", b"a letter " * 500), ("low.wav", wav("low")), ("no.mp3", b""))
    bad, empty = (error.value for error in page.error)
    assert bad.startswith("` **bad**.wav ` cannot be answered: not audio")
    assert empty.startswith(r"` no.mp3 ` cannot be answered: is empty \(0 bytes\)")
    assert len(page.subheader) == 1


def test_the_same_name_twice(page):
    upload(page, ("a.wav", wav("low")), ("a.wav", wav("high")), ("a.wav", wav("high")))
    assert len(page.subheader) == 3


def test_no_bundle_says_what_to_type(monkeypatch, tmp_path):
    monkeypatch.setenv("BIRDSONG_BUNDLE", str(tmp_path / "absent"))
    page = AppTest.from_file(str(PAGE), default_timeout=PATIENCE_S).run()
    assert not page.exception
    assert "There is no model to ask" in page.error[0].value
    assert "birdsong app --bundle runs/genus/bundle" in page.code[0].value
    assert not page.file_uploader


def test_the_session_gives_what_the_command_gives(page, bundle_dir):
    from birdsong.answers.exports import to_json_line

    content = wav("rising")
    upload(page, ("r.wav", content))
    (known,) = (
        value for key, value in page.session_state["heard"].items() if key[1] == "prediction"
    )
    expected = Classifier.load(bundle_dir).classify(content, name="r.wav")
    assert json.loads(to_json_line(known)) == json.loads(to_json_line(expected))
