"""The registry of formats: what it holds, and that a new one is offered everywhere."""

import argparse
import io
import zipfile
from contextlib import nullcontext

import pytest
import soundfile

from birdsong.answers.archive import zip_results
from birdsong.answers.classifier import Classifier
from birdsong.answers.export_formats import FORMATS, AnswerFormat, answer_format
from birdsong.answers.result_files import result_bytes, result_files, write_results
from birdsong.app import result_downloads
from birdsong.app.predictions import PredictionCache, Upload
from birdsong.errors import ConfigError
from birdsong.pipelines import classify
from birdsong.pipelines.command import main
from tests.conftest import RATE_HZ, voice


def encode_count(predictions, spectrogram):
    """A line that says how many detections there are, and up to which frequency."""
    for prediction in predictions:
        yield f"{len(prediction.detections)} below {spectrogram.f_max_hz:g} Hz\n".encode()


COUNT = AnswerFormat(
    name="count",
    description="Number of detections",
    suffix=".count.txt",
    media_type="text/plain",
    encode=encode_count,
    shared_file="counts.txt",
    to_stdout=True,
)
COUNT_EACH = AnswerFormat(
    name="count-each",
    description="Number of detections",
    suffix=".count.txt",
    media_type="application/x-count",
    encode=encode_count,
)


@pytest.fixture
def toys(monkeypatch):
    for toy in (COUNT, COUNT_EACH):
        monkeypatch.setitem(FORMATS, toy.name, toy)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("field") / "low.wav"
    soundfile.write(path, voice("low", 7.0, 900), RATE_HZ)
    return path


@pytest.fixture(scope="module")
def classifier(bundle_dir):
    return Classifier.load(bundle_dir)


def options_of_classify():
    parser = argparse.ArgumentParser()
    classify.add_arguments(parser)
    return {action.dest: action for action in parser._actions}


def test_what_other_programs_rely_on():
    assert [
        (name, each.name, each.shared_file, each.suffix, each.to_stdout, each.media_type)
        for name, each in FORMATS.items()
    ] == [
        ("csv", "csv", "results.csv", ".csv", True, "text/csv"),
        ("json", "json", "results.jsonl", ".jsonl", True, "application/json"),
        (
            "kaleidoscope", "kaleidoscope", "kaleidoscope.csv", ".kaleidoscope.csv", False,
            "text/csv",
        ),
        ("raven", "raven", "", ".selections.txt", False, "text/plain"),
        ("audacity", "audacity", "", ".labels.txt", False, "text/plain"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_holds_what_the_writer_gives(name, classifier, recording, tmp_path):
    prediction = classifier.classify(recording)
    spectrogram = classifier.bundle.spectrogram
    write_results([prediction], ["low.wav"], tmp_path, format=name, spectrogram=spectrogram)
    (path,) = result_files(["low.wav"], tmp_path, name)
    content = path.read_bytes()
    assert content == result_bytes([prediction], name, spectrogram)
    assert prediction.detections[0].taxon in content.decode()


def test_a_file_for_each_is_for_one_recording(classifier, recording):
    prediction = classifier.classify(recording)
    with pytest.raises(ValueError, match="too many values"):
        result_bytes([prediction, prediction], "raven", classifier.bundle.spectrogram)


def test_an_unknown_format_is_named(tmp_path):
    expected = r"format must be one of csv, json, kaleidoscope, raven, audacity, got 'xml'"
    with pytest.raises(ConfigError, match=expected):
        answer_format("xml")
    with pytest.raises(ConfigError, match=expected):
        result_files(["a.wav"], tmp_path, "xml")


def test_classify_offers_what_is_registered(toys):
    options = options_of_classify()
    assert options["format"].choices == (*list(FORMATS)[:-2], "count", "count-each")
    assert "without it csv and json and count are printed" in options["out"].help


def test_without_a_toy_there_is_none():
    assert "count" not in options_of_classify()["format"].choices


def test_a_new_format_is_written(toys, recording, bundle_dir, tmp_path, capsys):
    command = ["classify", str(recording), "--bundle", str(bundle_dir), "--format"]
    assert main([*command, "count"]) == 0
    text = capsys.readouterr().out
    assert text.endswith(" below 11000 Hz\n")
    assert main([*command, "count", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "counts.txt").read_text() == text
    assert main([*command, "count-each", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "low.count.txt").read_text() == text
    assert main([*command, "count-each"]) == 2
    assert "--format count-each writes files: name a folder" in capsys.readouterr().err


def test_a_new_format_is_in_the_archive(toys, classifier, recording):
    predictions = [classifier.classify(recording), classifier.classify(b"a letter", name="bad")]
    content = zip_results(predictions, ["low", "bad"], classifier.bundle.spectrogram)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("counts.txt").count(b" below 11000 Hz\n") == 2
        each = [name for name in archive.namelist() if name.startswith("count-each/")]
        assert each == ["count-each/low.count.txt"]


def test_a_new_format_is_offered_in_the_app(toys, classifier, recording, monkeypatch):
    offered = {}

    def download_button(label, data, *, file_name, mime, key, **_options):
        offered[key] = (label, data, file_name, mime)

    monkeypatch.setattr(result_downloads.st, "download_button", download_button)
    monkeypatch.setattr(result_downloads.st, "popover", lambda *_, **__: nullcontext())
    monkeypatch.setattr(result_downloads, "_show_detection", lambda *_: None)
    prediction = classifier.classify(recording)
    upload = Upload("k1", "low.wav", recording.read_bytes())
    result_downloads.show_downloads(upload, PredictionCache({}, classifier), prediction)
    assert list(offered) == [f"{name}-k1" for name in FORMATS]
    n_found = len(prediction.detections)
    assert offered["count-each-k1"] == (
        "Number of detections", f"{n_found} below 11000 Hz\n".encode(), "low.count.txt",
        "application/x-count",
    )  # fmt: skip
