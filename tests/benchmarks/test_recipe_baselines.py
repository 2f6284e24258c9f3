"""What a person would otherwise pick: other networks and trees, on the same folds."""

import csv
import shutil

import numpy as np
import pytest

from benchmarks import recipe_baselines as baselines
from benchmarks import recipe_configs, recipes
from birdsong.images.store import open_store
from birdsong.learning.data.dataset_builder import build_fold
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.recordings.manifest import write_manifest
from birdsong.sound.spectrogram import SpectrogramConfig
from birdsong.synthetic.files import write_noises
from tests.conftest import RATE_HZ, voice


@pytest.fixture(scope="module")
def dataset(images):
    return build_fold(open_store(images), DatasetConfig(), 4, 0)


@pytest.mark.parametrize("name", baselines.FORESTS)
def test_trees_tell_clear_voices_apart(name, images, voices, dataset, tmp_path, monkeypatch):
    store, manifest = open_store(images), tmp_path / "m.csv"
    write_manifest(manifest, voices[1])
    kept = tmp_path / "features.npz"
    features = baselines.mfcc_features(store, store.rows, manifest, voices[0], kept)
    assert features.keys() == {row.image for row in store.rows}
    monkeypatch.setattr(baselines, "N_TREES", 20)
    data, cost = baselines.predict_forest(name, store, dataset, features, fold=0, seed=0)
    assert set(data.recordings) == set(dataset.test.recordings)
    assert data.logits.shape[1] == len(dataset.labels)
    assert measure_logits(data, dataset.label_space)["top1"] > 0.9
    assert cost["parameters"] > 20
    assert cost["ms_per_image"] >= 0

    monkeypatch.setattr(baselines, "read_samples", None)  # what was kept is taken
    again = baselines.mfcc_features(store, store.rows, manifest, voices[0], kept)
    for image, own in features.items():
        np.testing.assert_array_equal(again[image], own)


def test_statistics_are_of_the_segment_alone():
    config = SpectrogramConfig()
    samples = np.concatenate([voice("low", 6.0, 0), voice("high", 6.0, 1)])
    described = baselines.statistics(samples, [0.0, 1.5, 8.0], config)
    assert described.shape == (3, 6 * baselines.N_COEFFICIENTS)
    alone = baselines.statistics(samples[: 5 * RATE_HZ], [0.0], config)
    np.testing.assert_allclose(described[0], alone[0], rtol=1e-4, atol=1e-4)
    apart = np.linalg.norm(described[2] - described[0])
    assert apart > 2 * np.linalg.norm(described[1] - described[0])
    assert np.isfinite(baselines.statistics(samples[:100], [0.0], config)).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", baselines.NETWORKS)
def test_a_recipe_of_another_network(name, images, voices, tmp_path, tensorflow, monkeypatch):
    monkeypatch.setattr(recipe_configs, "MIN_RECORDINGS", 1)
    manifest, table = tmp_path / "m.csv", tmp_path / "recipes.csv"
    audio = shutil.copytree(voices[0], tmp_path / "audio")
    noises = write_noises(audio, n=6)  # other sounds are mixed in
    write_manifest(manifest, [*voices[1], *noises])
    words = ["--manifest", str(manifest), "--audio", str(audio), "--work", str(tmp_path / "w")]
    words += ["--table", str(table), "--folds", "0", "--epochs", "1", "--", name]
    assert recipes.main(words) == 0
    (line,) = csv.DictReader(table.open(newline=""))
    assert line["recipe"] == name
    assert int(line["parameters"]) > 500_000
    assert float(line["ms_per_image"]) > 0


def test_a_recipe_of_trees(voices, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe_configs, "MIN_RECORDINGS", 1)
    monkeypatch.setattr(baselines, "N_TREES", 20)
    manifest, table = tmp_path / "m.csv", tmp_path / "recipes.csv"
    write_manifest(manifest, voices[1])
    old = [column for column in recipes.COLUMNS if column not in recipes.COST]
    table.write_text(f"{','.join(old)}\nplain,0,15,0,5,9,99,{','.join(['0.5'] * 6)}\n")
    words = ["--manifest", str(manifest), "--audio", str(voices[0]), "--work", str(tmp_path / "w")]
    words += ["--table", str(table), "--folds", "0", "--epochs", "15"]
    assert recipes.main([*words, "--", baselines.FORESTS[0]]) == 0
    lines = recipes.read_table(table)
    before, trees = lines["plain", 0, 15], lines[baselines.FORESTS[0], 0, 15]
    assert before["parameters"] == ""
    assert before["top1"] == "0.5"
    assert float(trees["top1"]) > 0.9
    assert int(trees["parameters"]) > 20
    folder = recipes.run_folder(tmp_path / "w", baselines.FORESTS[0], 0, 15)
    assert (folder / "held_out.npz").exists()
