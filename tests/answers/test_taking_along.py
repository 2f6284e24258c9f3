"""What can be taken along: a stretch as sound, all formats as one ZIP, lists of species."""

import io
import json
import zipfile

import numpy as np
import pytest
import soundfile

from birdsong.answers.archive import zip_results
from birdsong.answers.classifier import Classifier
from birdsong.answers.species_filter import read_species_filter
from birdsong.errors import AudioError, TaxonomyError
from birdsong.sound.clips import WAV_RATE_HZ, clip_wav
from tests.conftest import RATE_HZ, voice


@pytest.fixture(scope="module")
def classifier(bundle_dir):
    return Classifier.load(bundle_dir)


def wav(samples, rate_hz=RATE_HZ):
    content = io.BytesIO()
    soundfile.write(content, samples, rate_hz, format="WAV")
    return content.getvalue()


@pytest.mark.parametrize("stretch", [(0, 1), (1.25, 3.5), (2.9, 99), (-1, 0.5)])
def test_a_clip_is_the_stretch_that_was_asked_for(stretch):
    # A ramp tells by its height which moment it is.
    ramp = np.linspace(-0.9, 0.9, 4 * WAV_RATE_HZ)
    clip, rate_hz = soundfile.read(io.BytesIO(clip_wav(wav(ramp, WAV_RATE_HZ), *stretch)))
    start_s, end_s = max(0, stretch[0]), min(4, stretch[1])
    assert rate_hz == WAV_RATE_HZ
    assert len(clip) == round((end_s - start_s) * WAV_RATE_HZ)
    assert clip[0] == pytest.approx(-0.9 + 1.8 * start_s / 4, abs=1e-3)
    assert clip[-1] == pytest.approx(-0.9 + 1.8 * end_s / 4, abs=1e-3)


@pytest.mark.parametrize(
    ("gain", "subtype", "clip_subtype"),
    [(1.0, "PCM_24", "PCM_16"), (0.9, "FLOAT", "PCM_16"), (3.0, "FLOAT", "FLOAT")],
)
def test_a_clip_is_not_clipped(gain, subtype, clip_subtype):
    samples = (gain * np.random.default_rng(0).uniform(-1, 1, 48_000)).astype(np.float32)
    content = io.BytesIO()
    soundfile.write(content, samples, WAV_RATE_HZ, subtype, format="WAV")
    clip = clip_wav(content.getvalue(), 0, 1)
    info = soundfile.info(io.BytesIO(clip))
    assert (info.format, info.subtype) == ("WAV", clip_subtype)
    again, _ = soundfile.read(io.BytesIO(clip), dtype="float32")
    np.testing.assert_allclose(again, samples, atol=2**-15 if clip_subtype == "PCM_16" else 0)


def test_a_clip_that_a_wav_cannot_count(monkeypatch):
    monkeypatch.setattr("birdsong.sound.audio_writer.WAV_BYTES", 10_000)
    clip = clip_wav(wav(voice("low", 4, 0)), 1, 3)
    assert clip[:4] == b"RF64"
    assert soundfile.info(io.BytesIO(clip)).frames == 2 * WAV_RATE_HZ


def test_a_clip_outside_the_recording_is_an_error():
    with pytest.raises(AudioError, match=r"field\.wav: has no audio from 9 to 12 s"):
        clip_wav(wav(voice("low", 4, 0)), 9, 12, name="field.wav")


def test_an_archive_holds_every_format(classifier):
    predictions = [
        classifier.classify(wav(voice(name, 7, 900)), name=f"{name}.wav")
        for name in ("low", "high")
    ]
    predictions.append(classifier.classify(b"a letter " * 100, name="bad.wav"))
    content = zip_results(predictions, ["low", "high", "bad"], classifier.bundle.spectrogram)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == [
            "audacity/high.labels.txt", "audacity/low.labels.txt", "kaleidoscope.csv",
            "raven/high.selections.txt", "raven/low.selections.txt", "results.csv",
            "results.jsonl",
        ]  # fmt: skip
        lines = archive.read("results.jsonl").decode().splitlines()
        assert [json.loads(line)["status"] for line in lines] == ["ok", "ok", "failed"]
        n_found = sum(len(each.detections) for each in predictions)
        assert len(archive.read("results.csv").decode().splitlines()) == 1 + n_found


def test_a_list_narrows(classifier):
    narrowed = read_species_filter(
        "Acutus surgens\nTurdus merula\n", classifier.bundle, name="list"
    )
    assert narrowed.only == {"Acutus surgens"}
    assert narrowed.unknown == ("Turdus merula",)
    table = "genus,species\nGravis,profundus\n".encode("utf-16-le")
    with pytest.raises(TaxonomyError, match=r"l\.csv: holds NUL bytes"):
        read_species_filter(table, classifier.bundle, name="l.csv")
    table = b"genus,species\nGravis,profundus\n"
    assert read_species_filter(table, classifier.bundle, name="l.csv").only == {"Gravis profundus"}
    with pytest.raises(TaxonomyError, match="the model knows none of the 1 names"):
        read_species_filter("Turdus merula", classifier.bundle, name="list")


def test_an_answer_can_be_chosen_again_from_the_logits(classifier):
    content = wav(voice("low", 7, 901))
    logits_of_recording = classifier.run_inference(content)
    assert classifier.choose_answer(logits_of_recording, name="a") == classifier.classify(
        content, name="a"
    )
