"""From a file to an answer; and that the image is the one that the network learned from."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from birdsong.answers.answer_selector import AnswerSelector
from birdsong.answers.classifier import Classifier, ClassifyConfig
from birdsong.bundle.bundle_files import read_bundle
from birdsong.bundle.onnx_network import Network
from birdsong.errors import ConfigError, TaxonomyError
from birdsong.images.store import open_store
from birdsong.preprocessing.preprocess import preprocess
from birdsong.preprocessing.preprocess_recording import PreprocessConfig
from tests.conftest import RATE_HZ, voice, write_voices


@pytest.fixture(scope="module")
def classifier(bundle_dir):
    return Classifier.load(bundle_dir)


@pytest.fixture(scope="module")
def new_recordings(tmp_path_factory):
    """Recordings of individuals that nobody learned from, with their rows."""
    folder = tmp_path_factory.mktemp("new_recordings")
    return folder, write_voices(folder, n_each=2, first_seed=500)


def test_new_individuals_are_named(classifier, new_recordings):
    folder, rows = new_recordings
    for row in rows:
        prediction = classifier.classify(folder / row.file)
        assert prediction.status == "ok"
        assert prediction.top[0].taxon == row.scientific_name
        assert [step.rank for step in prediction.path] == [
            "class", "order", "family", "genus", "species",
        ]  # fmt: skip
        falling = [step.probability for step in prediction.path]
        assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize("channels", ["mono", "mix", "channel 1 of 2"])
def test_the_network_sees_the_bytes_that_preprocessing_wrote(
    classifier, voices, tmp_path, monkeypatch, channels
):
    seen = []
    real = Network.logits
    monkeypatch.setattr(
        Network, "logits", lambda self, images: seen.extend(images) or real(self, images)
    )
    folder, rows = voices
    rows = rows[::5]
    if channels != "mono":
        whole, folder = folder, tmp_path / "channels"
        folder.mkdir()
        for row in rows:
            samples, rate_hz = soundfile.read(whole / row.file, dtype="float32")
            other = samples * np.float32(0.5 if channels == "mix" else -0.8)
            soundfile.write(folder / row.file, np.stack([samples, other], axis=1), rate_hz)
    receipt = preprocess(
        rows, folder, tmp_path / "images", config=PreprocessConfig(step_s=classifier.bundle.step_s)
    )
    assert {row.channel for row in receipt} == {"" if channels == "mono" else channels}
    store = open_store(tmp_path / "images")
    compared = 0
    for row in rows:
        seen.clear()
        prediction = classifier.classify(folder / row.file)
        assert prediction.channel == receipt[rows.index(row)].channel
        by_start = {round(s.start_s, 3): p for s, p in zip(prediction.segments, seen, strict=True)}
        for image in store.rows:
            if image.recording == row.name and image.kind == "bird":
                np.testing.assert_array_equal(
                    store.read_image(image), by_start[round(image.start_s, 3)]
                )
                compared += 1
    assert compared >= 10


def test_bytes_and_path_give_the_same(classifier, new_recordings):
    folder, rows = new_recordings
    path = folder / rows[0].file
    from_bytes = classifier.classify(path.read_bytes(), name=str(path))
    assert from_bytes == classifier.classify(path)


def test_a_higher_promise_answers_with_the_same_taxon_or_an_ancestor(classifier, new_recordings):
    folder, rows = new_recordings
    for row in rows:
        lower = None
        for promise in (0.99, 0.9, 0.5, 0.2):
            prediction = classifier.classify(
                folder / row.file, config=ClassifyConfig(promise=promise)
            )
            answer = prediction.answer
            assert answer.promise == promise
            on_path = [step.taxon for step in prediction.path]
            if lower is not None and lower.taxon and answer.taxon:
                assert on_path.index(lower.taxon) <= on_path.index(answer.taxon)
            lower = answer


def test_detections_cover_the_song(classifier, tmp_path):
    silence = np.zeros(9 * RATE_HZ, np.float32)
    sound = np.concatenate([voice("low", 6, 900), silence, voice("high", 6, 901)])
    soundfile.write(tmp_path / "two.wav", sound, RATE_HZ)
    prediction = classifier.classify(tmp_path / "two.wav", config=ClassifyConfig(promise=0.5))
    found = {d.taxon: (d.start_s, d.end_s) for d in prediction.detections}
    assert found["Gravis profundus"][1] <= 9
    assert found["Acutus summus"][0] >= 12
    for detection in prediction.detections:
        assert 0 <= detection.start_s < detection.end_s <= prediction.duration_s


def test_long_recordings_get_detections_and_no_answer(classifier, tmp_path):
    soundfile.write(tmp_path / "long.wav", voice("low", 30, 902), RATE_HZ)
    config = ClassifyConfig(answer_up_to_s=20)
    prediction = classifier.classify(tmp_path / "long.wav", config=config)
    assert prediction.answer is None
    assert prediction.reason.startswith("30 s long: above 20 s there are detections only")
    assert prediction.detections
    assert prediction.path


def test_overlap_sets_the_grid(classifier, new_recordings):
    folder, rows = new_recordings
    config = ClassifyConfig(overlap_s=0.0)
    starts = [s.start_s for s in classifier.classify(folder / rows[0].file, config=config).segments]
    assert starts == [0.0, 2.0, 4.0, 6.0]


@pytest.mark.parametrize("overlap_s", [2.0, 2.5, 1.999])
def test_an_overlap_of_a_segment_is_refused_in_its_own_words(classifier, new_recordings, overlap_s):
    folder, rows = new_recordings
    message = r"^overlap_s must be at least 0 and less than a segment, 2 s \(at most 1.99 s\), got"
    with pytest.raises(ConfigError, match=f"{message} {overlap_s:g}$"):
        classifier.classify(folder / rows[0].file, config=ClassifyConfig(overlap_s=overlap_s))
    assert classifier.run_inference(folder / rows[0].file, overlap_s=1.9).starts_s[1] == 0.1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("promise", math.nan),
        ("overlap_s", -1.0),
        ("overlap_s", math.nan),
        ("overlap_s", math.inf),
        ("answer_up_to_s", -1.0),
        ("answer_up_to_s", math.nan),
    ],
)
def test_a_config_out_of_range(field, value):
    with pytest.raises(ConfigError, match=f"{field} must be .* got {value}"):
        ClassifyConfig(**{field: value})


def test_silence_is_no_bird(classifier, tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(5 * RATE_HZ), RATE_HZ)
    prediction = classifier.classify(tmp_path / "silence.wav")
    assert prediction.status == "ok"
    assert (prediction.answer.rank, prediction.answer.taxon) == ("none", None)
    assert prediction.bird_probability == 0
    assert "holds nothing but digital silence" in prediction.warnings
    assert prediction.detections == ()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp3", b"", "empty.mp3: is empty"),
        ("text.mp3", b"a letter " * 500, "text.mp3: not audio"),
        ("absent.mp3", None, "absent.mp3: no such file"),
    ],
)
def test_a_bad_file_is_a_sentence(classifier, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    prediction = classifier.classify(tmp_path / name)
    assert prediction.status == "failed"
    assert message in prediction.error
    assert prediction.answer is None


def test_too_short_a_recording(classifier, tmp_path):
    soundfile.write(tmp_path / "click.wav", voice("low", 0.2, 1), RATE_HZ)
    assert "lasts 0.20 s, at least 0.3 s" in classifier.classify(tmp_path / "click.wav").error
    soundfile.write(tmp_path / "short.wav", voice("low", 1.0, 1), RATE_HZ)
    warnings = classifier.classify(tmp_path / "short.wav").warnings
    assert warnings == ("shorter than one segment (2 s): padded",)


@pytest.mark.parametrize("promise", [0, -0.1, 1.2, float("nan")])
def test_a_promise_that_cannot_be(promise):
    with pytest.raises(ConfigError, match="promise must be above 0 and at most 1"):
        ClassifyConfig(promise=promise)


def test_answering_imports_nothing_heavy(bundle_dir, new_recordings):
    folder, rows = new_recordings
    script = (
        "import json, sys; from birdsong.pipelines.command import main; "
        f"main(['classify', {str(folder / rows[0].file)!r}, '--bundle', {str(bundle_dir)!r}, "
        "'--format', 'json']); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    answer, modules = done.stdout.splitlines()
    assert json.loads(answer)["status"] == "ok"
    heavy = {"tensorflow", "keras", "librosa", "sklearn", "matplotlib", "pandas", "numba", "scipy"}
    assert heavy.isdisjoint(json.loads(modules))


@pytest.fixture(scope="module")
def calibrated(calibrated_dir):
    return Classifier.load(calibrated_dir)


def test_promises_of_a_calibrated_bundle(calibrated, new_recordings):
    folder, rows = new_recordings
    last = {}
    for promise in (0.5, 0.8, 0.9, 0.99):
        for row in rows:
            prediction = calibrated.classify(
                folder / row.file, config=ClassifyConfig(promise=promise)
            )
            answer = prediction.answer
            on_path = [step.taxon for step in prediction.path]
            assert on_path.index(answer.taxon) <= last.get(row.file, 9)
            last[row.file] = on_path.index(answer.taxon)
            if promise == 0.99:
                assert answer.rank == "class"
                assert answer.reason.startswith("A promise of 99 % takes at least 299 recordings")
            elif answer.rank == "species":
                assert "a species needs" in answer.reason
    bold = [
        calibrated.classify(folder / row.file, config=ClassifyConfig(promise=0.5)) for row in rows
    ]
    assert {prediction.answer.rank for prediction in bold} == {"species"}


def test_an_uncalibrated_bundle_says_so(classifier, new_recordings):
    folder, rows = new_recordings
    reason = classifier.classify(folder / rows[0].file).answer.reason
    assert reason.endswith("90 % were asked for, and the model is not calibrated.")


@pytest.mark.parametrize("which", ["classifier", "calibrated"])
def test_only_the_listed_are_answered(which, new_recordings, request):
    folder, rows = new_recordings
    classifier = request.getfixturevalue(which)
    only = frozenset({"Gravis profundus", "Acutus summus"})
    config = ClassifyConfig(promise=0.5, only=only)
    for row in rows:
        prediction = classifier.classify(folder / row.file, config=config)
        free = classifier.classify(folder / row.file, config=ClassifyConfig(promise=0.5))
        assert {taxon.taxon for taxon in prediction.top} == only
        assert {segment.taxon for segment in prediction.segments} <= only
        assert prediction.path[0] == free.path[0], "how probable a bird is stays as it was"
        if row.scientific_name in only:
            assert prediction.answer.taxon == row.scientific_name
            assert prediction.answer.probability == free.answer.probability
        else:
            assert prediction.answer.rank == "class"
            assert prediction.answer.reason.startswith("Probably not in your list: ")
            assert {each.rank for each in prediction.detections} <= {"class"}
    assert set(classifier._selectors) == {None, only}, "one for each list, however often asked"


def test_thresholds_of_a_list_come_from_its_recordings(calibrated_dir):
    bundle = read_bundle(calibrated_dir)
    everything = AnswerSelector(bundle)
    one = AnswerSelector(bundle, frozenset({"Gravis profundus"}))
    assert everything._thresholds.n_recordings == 48
    assert one._thresholds.n_recordings == 16
    assert AnswerSelector(bundle)._thresholds == bundle.calibration.promises


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (frozenset(), "the list of species is empty"),
        (frozenset({"Acutus"}), "'Acutus' is on the list, but is no label of bundle 'voices'"),
        (frozenset({"Acutus sumus"}), "no taxon 'Acutus sumus' .* nearest: Acutus summus"),
    ],
)
def test_lists_that_cannot_be(classifier, new_recordings, only, message):
    folder, rows = new_recordings
    with pytest.raises(TaxonomyError, match=message):
        classifier.classify(folder / rows[0].file, config=ClassifyConfig(only=only))
