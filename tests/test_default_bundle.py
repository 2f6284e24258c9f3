"""The model that ships: whole, small, licensed, and of use on real birds the minute it is there."""

import json
from pathlib import Path

import pytest
import soundfile

from birdsong.answers.classifier import Classifier
from birdsong.bundle.bundle_files import DEFAULT_BUNDLE
from birdsong.pipelines.command import main
from birdsong.recordings.manifest import read_manifest
from tests.conftest import VOICES, write_voices

ROOT = Path(__file__).parents[1]
MANIFEST = read_manifest(ROOT / "data_manifest.csv")
LARGEST_BYTES = 8_000_000


@pytest.fixture(scope="module")
def classifier():
    return Classifier.load()


def test_it_is_small():
    files = [path for path in DEFAULT_BUNDLE.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LARGEST_BYTES


def test_it_knows_every_species_with_six_recordings(classifier):
    recordings_of: dict[str, list] = {}
    for recording in MANIFEST:
        recordings_of.setdefault(recording.scientific_name, []).append(recording)
    labels = {label.taxon: label for label in classifier.bundle.bird_labels}
    assert set(labels) == {name for name, own in recordings_of.items() if name and len(own) >= 6}
    assert len(labels) == 88
    for name, label in labels.items():
        assert label.n_recordings == len(recordings_of[name])
        assert label.n_sessions == len({recording.session for recording in recordings_of[name]})


def test_provenance(classifier):
    provenance = classifier.bundle.provenance
    assert provenance["licence"] == "CC BY-NC-SA 4.0"
    assert provenance["command"].startswith("birdsong join ")
    assert len(provenance["members"]) == 2
    for member in provenance["members"]:
        assert member["command"].startswith("birdsong train ")
        assert member["config"]["seed"] == 0
        assert member["training_s"] > 0
    assert provenance["learned_from"]["recordings"] == 2055  # 1,815 of birds, 240 of none
    assert provenance["learned_from"]["sessions"] == len(classifier.bundle.sessions)
    licence = (DEFAULT_BUNDLE / "LICENSE.txt").read_text()
    assert "creativecommons.org/licenses/by-nc-sa/4.0" in licence


def test_it_answers_where_none_is_named(tmp_path, capsys):
    write_voices(tmp_path, n_each=1)
    assert main(["classify", str(tmp_path), "--format", "json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(told) == len(VOICES)
    assert {each["bundle"]["name"] for each in told} == {"birds-88-joint"}


def test_real_birds_that_it_learned(classifier, real_recordings):
    """No measure of how good it is, since it learned from these; only that it is in one piece."""
    known = {label.taxon for label in classifier.bundle.bird_labels}
    asked = [recording for recording in MANIFEST if recording.scientific_name in known][::40]
    right = 0
    for recording in asked:
        prediction = classifier.classify(real_recordings / f"{recording.xc_id}.ogg")
        right += prediction.top[0].taxon == recording.scientific_name
    assert len(asked) > 25
    assert right > 0.75 * len(asked)


def test_a_silent_recording_is_no_bird(classifier, tmp_path):
    path = tmp_path / "silence.wav"
    soundfile.write(path, [0.0] * 24_000 * 5, 24_000)
    prediction = classifier.classify(path)
    assert prediction.answer.rank == "none"
    assert prediction.warnings == ("holds nothing but digital silence",)


def test_its_card_is_of_this_bundle(classifier):
    card = (DEFAULT_BUNDLE / "MODEL_CARD.md").read_text(encoding="utf-8")
    written = "birdsong card birdsong/bundles/default --manifest data_manifest.csv"
    assert f"fingerprint `{classifier.bundle.fingerprint}`" in card, f"write it anew: {written}"
    for label in classifier.bundle.bird_labels:
        assert f"| *{label.taxon}* |" in card
