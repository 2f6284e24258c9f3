"""Every recording heard once by a network that did not learn from it; stopped, and gone on with."""

import json
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest

from birdsong.bundle.bundle_files import read_bundle
from birdsong.errors import ConfigError, DatasetError
from birdsong.images.store import open_store
from birdsong.learning.data.dataset_builder import build_fold
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.evaluation.held_out import score_bundle
from birdsong.learning.evaluation.scores import measure
from birdsong.learning.training.cross_validation_config import CrossValidationConfig
from birdsong.learning.training.listener import TrainingListener
from birdsong.pipelines.command import main
from tests.conftest import small_network_learns
from tests.learning.changed import changed

N_FOLDS = 3
FOLDS = CrossValidationConfig(n_folds=N_FOLDS)
CONFIG = changed(epochs=2, batch_size=16, dropout=0.2)


@pytest.fixture(scope="module")
def cross_validation(tensorflow):
    """The module, imported when a test needs it."""
    from birdsong.learning.training import cross_validation

    return cross_validation


@pytest.fixture(scope="module")
def store(images):
    return open_store(images)


@pytest.fixture(scope="module")
def run_dir(cross_validation, store, tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "folds"
    with small_network_learns():
        cross_validation.train_folds(store, folder, CONFIG, FOLDS)
    return folder


def test_every_recording_is_held_out_once(store):
    datasets = [build_fold(store, DatasetConfig(), N_FOLDS, fold) for fold in range(N_FOLDS)]
    held_out = [name for dataset in datasets for name in dataset.test.recordings]
    assert sorted(held_out) == sorted({row.recording for row in store.rows})
    for dataset in datasets:
        assert dataset.train.sessions.isdisjoint(dataset.test.sessions)
        assert dataset.train.recordings
        assert not dataset.validation.rows
        assert not dataset.calibration.rows


def test_the_bundle_is_measured_by_the_networks_of_its_folds(run_dir, store, tmp_path, capsys):
    metrics = json.loads((run_dir / "metrics.json").read_text())
    bundle = read_bundle(run_dir / "bundle")
    found = score_bundle(bundle, store, out_of_fold=True)
    assert sorted(found.scored.recordings) == sorted({row.recording for row in store.rows})
    assert [row.recording for row in found.scored.top_segments] == list(found.scored.recordings)
    assert measure(found.scored)["top1"] == pytest.approx(metrics["out_of_fold"]["top1"])
    command = ["evaluate", str(run_dir / "bundle"), str(store.folder), "--out", str(tmp_path)]
    assert main(command) == 2
    assert "--out-of-fold measures the networks of its folds" in capsys.readouterr().err
    assert main([*command, "--out-of-fold"]) == 0
    assert "24 recordings of 24 sessions" in capsys.readouterr().out
    told = json.loads((tmp_path / "metrics.json").read_text())
    assert told["out_of_fold"]
    assert told["answers"]["honesty"] == metrics["promises"]["honesty"]
    (tmp_path / "low.txt").write_text("Gravis profundus\nAcutus summus\n")
    only = ["--out-of-fold", "--only", str(tmp_path / "low.txt")]
    assert main([*command, *only]) == 2, "another report of the same bundle"
    assert "metrics.json (and 2 more): already exists with different content" in (
        capsys.readouterr().err
    )
    assert main([*command, *only, "--replace"]) == 0
    narrowed = json.loads((tmp_path / "metrics.json").read_text())
    assert narrowed["narrowed_to"] == ["Acutus summus", "Gravis profundus"]
    assert narrowed["recordings"] == narrowed["answers"]["recordings"] == 16
    assert {label["label"] for label in narrowed["labels"]} == set(narrowed["narrowed_to"])
    assert narrowed["metrics"]["top1"]["value"] >= told["metrics"]["top1"]["value"] - 0.25
    assert "Predictions are out-of-fold" in (tmp_path / "report.html").read_text()


def test_other_images_than_those_of_the_folds_are_refused(run_dir, store):
    bundle = read_bundle(run_dir / "bundle")
    rows = store.rows
    without_one = tuple(row for row in rows if row.image != rows[0].image)
    with pytest.raises(DatasetError, match=r"holds no image of \S+ at \d+\.\d+ s, which"):
        score_bundle(bundle, replace(store, rows=without_one), out_of_fold=True)


def test_the_run_tells_how_good_the_method_is(run_dir):
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert metrics["folds"] == len(metrics["by_fold"]) == N_FOLDS
    assert metrics["out_of_fold"]["recordings"] == 24
    assert sum(fold["recordings"] for fold in metrics["by_fold"]) == 24
    assert metrics["promises"]["recordings"] == 24
    assert len(metrics["promises"]["rules"]) == 9
    mean = np.mean([fold["top1"] for fold in metrics["by_fold"]])
    assert metrics["mean_of_folds"]["top1"] == pytest.approx(mean)
    for folder in (run_dir, *(run_dir / "folds").iterdir()):
        assert (folder / "history.csv").read_text().count("\n") == 1 + CONFIG.epochs
        assert not (folder / "last.weights.h5").exists()


def test_the_bundle_learned_from_everything_and_is_calibrated_by_the_folds(run_dir, store):
    bundle = read_bundle(run_dir / "bundle")
    assert bundle.sessions == {row.session for row in store.rows}
    assert sum(label.n_recordings for label in bundle.bird_labels) == 24
    data = bundle.calibration_data
    assert sorted(data.recordings) == sorted({row.recording for row in store.rows})
    assert set(data.folds) == set(range(N_FOLDS))
    for fold in range(N_FOLDS):
        expected = build_fold(store, DatasetConfig(), N_FOLDS, fold).test.recordings
        found = {n for n, of in zip(data.recordings, data.folds, strict=True) if of == fold}
        assert found == set(expected)
    assert bundle.provenance["folds"] == N_FOLDS


def test_a_stopped_run_goes_on_and_ends_as_one_that_was_not(
    cross_validation, run_dir, store, tmp_path, small_network
):
    stopped = tmp_path / "stopped"
    trained = []

    def stop(epoch):
        trained.append(epoch["epoch"])
        if len(trained) == 4:  # in the last epoch of the second fold
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validation.train_folds(
            store, stopped, CONFIG, FOLDS, listener=TrainingListener(on_epoch=stop)
        )
    with pytest.raises(DatasetError, match="holds a training that was stopped; add --resume"):
        cross_validation.train_folds(store, stopped, CONFIG, FOLDS)
    with pytest.raises(ConfigError, match="cannot resume with folds 4 instead of 3"):
        cross_validation.train_folds(store, stopped, CONFIG, replace(FOLDS, n_folds=4), resume=True)
    again = []
    metrics = cross_validation.train_folds(
        store, stopped, CONFIG, replace(FOLDS, folds_only=True), resume=True,
        listener=TrainingListener(on_epoch=lambda epoch: again.append(epoch["epoch"])),
    )  # fmt: skip
    assert again == [1, 0, 1], "neither the first fold nor a finished epoch was trained again"
    assert not (stopped / "bundle").exists()
    expected = json.loads((run_dir / "metrics.json").read_text())
    assert metrics["out_of_fold"] == pytest.approx(expected["out_of_fold"])

    again.clear()
    cross_validation.train_folds(
        store, stopped, CONFIG, FOLDS, resume=True,
        listener=TrainingListener(on_epoch=lambda epoch: again.append(epoch["epoch"])),
    )  # fmt: skip
    assert again == [0, 1], "only the network that learns from everything was trained"
    np.testing.assert_allclose(
        read_bundle(stopped / "bundle").calibration_data.logits,
        read_bundle(run_dir / "bundle").calibration_data.logits,
        atol=1e-2,
    )


def test_a_fold_that_was_trained_but_not_heard_is_heard(cross_validation, run_dir, store, tmp_path):
    """Killed between the last epoch and the file."""
    stopped = tmp_path / "stopped"
    kept = []

    def stop(*arguments, **options):
        kept.append(arguments)
        raise KeyboardInterrupt

    with small_network_learns(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("birdsong.learning.training.fold_training.predict_split_logits", stop)
        with pytest.raises(KeyboardInterrupt):
            cross_validation.train_folds(store, stopped, CONFIG, FOLDS)
    again = []
    with small_network_learns():
        metrics = cross_validation.train_folds(
            store, stopped, CONFIG, replace(FOLDS, folds_only=True), resume=True,
            listener=TrainingListener(on_epoch=lambda epoch: again.append(epoch["epoch"])),
        )  # fmt: skip
    assert again == [0, 1, 0, 1]
    expected = json.loads((run_dir / "metrics.json").read_text())
    assert metrics["by_fold"][0] == pytest.approx(expected["by_fold"][0])


def test_what_a_fold_kept_is_checked(cross_validation, run_dir, store, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy)
    shutil.rmtree(copy / "bundle")
    shutil.copy(
        copy / "folds" / "1" / cross_validation.HELD_OUT_LOGITS,
        copy / "folds" / "0" / cross_validation.HELD_OUT_LOGITS,
    )
    with pytest.raises(DatasetError, match=r"0/held_out.npz: holds other recordings or labels"):
        cross_validation.train_folds(store, copy, CONFIG, FOLDS, resume=True)
    (copy / "folds" / "0" / cross_validation.HELD_OUT_LOGITS).write_bytes(b"no archive")
    with pytest.raises(DatasetError, match=r"0/held_out.npz: cannot be read .* delete it to train"):
        cross_validation.train_folds(store, copy, CONFIG, FOLDS, resume=True)


def test_more_folds_than_sessions(cross_validation, store, tmp_path):
    with pytest.raises(DatasetError, match="30 folds were asked for, but the 24 sessions fill"):
        cross_validation.train_folds(store, tmp_path / "run", CONFIG, replace(FOLDS, n_folds=30))
    assert not (tmp_path / "run").exists()


def test_plain_training_keeps_out_of_a_run_in_folds(run_dir, images, tmp_path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy)
    shutil.rmtree(copy / "bundle")
    assert main(["train", str(images), "--out", str(copy), "--resume"]) == 2
    assert "holds a cross-validation; continue it with --folds" in capsys.readouterr().err


def test_command(images, tmp_path, capsys, small_network):
    out = tmp_path / "run"
    asked = ["train", str(images), "--out", str(out), "--folds", "2", "--epochs", "1"]
    assert main(["train", str(images), "--out", str(out), "--folds-only"]) == 2
    assert "--folds-only needs --folds K" in capsys.readouterr().err
    assert main([*asked, "--folds-only"]) == 0
    said = capsys.readouterr().out
    assert "24 recordings of 24 sessions held out once: top-1" in said
    assert "held out from network 2: top-1" in said
    assert "promise 90 %: right no answers; a bird" in said
    assert not (out / "bundle").exists()
    assert main([*asked, "--resume"]) == 0
    assert f"bundle: {out}/bundle" in capsys.readouterr().out


def test_folds_at_once(cross_validation, store, tmp_path):
    """Each in a process of its own, sharing a GPU where there is one; what comes is read here."""

    def tell(dataset):
        assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
        assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
        (tmp_path / str(os.getpid())).touch()

    def note(epoch):
        (tmp_path / f"of network {epoch['fold']}").touch()

    metrics = cross_validation.train_folds(
        store, tmp_path / "run", replace(CONFIG, epochs=1),
        CrossValidationConfig(n_folds=2, n_parallel=3),
        listener=TrainingListener(on_dataset=tell, on_epoch=note),
    )  # fmt: skip
    assert not (tmp_path / str(os.getpid())).exists()
    assert len(list(tmp_path.glob("[0-9]*"))) == 3, "the one that learns from everything, too"
    assert {path.name[-1] for path in tmp_path.glob("of network *")} == {"0", "1", "2"}
    assert read_bundle(tmp_path / "run" / "bundle").sessions == {row.session for row in store.rows}
    assert [fold["recordings"] for fold in metrics["by_fold"]] == [12, 12]
    assert metrics["out_of_fold"]["recordings"] == 24


def test_a_process_that_was_killed_is_one_sentence(cross_validation, store, tmp_path):
    def die(dataset):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(DatasetError, match="perhaps because memory ran out; continue with --re"):
        cross_validation.train_folds(
            store,
            tmp_path / "run",
            CONFIG,
            CrossValidationConfig(n_folds=2, n_parallel=2),
            listener=TrainingListener(on_dataset=die),
        )


def test_no_fold_at_a_time(images, tmp_path, capsys):
    asked = ["train", str(images), "--out", str(tmp_path / "run"), "--folds", "2"]
    assert main([*asked, "--folds-at-once", "0"]) == 2
    assert "--folds-at-once must be at least 1, got 0" in capsys.readouterr().err
