"""A training that was killed goes on, and ends as one that was not."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest


def words(images, out, *options):
    return [
        sys.executable, "-m", "birdsong.pipelines.command", "train", str(images),
        "--out", str(out), "--epochs", "6", "--batch-size", "16", *options,
    ]  # fmt: skip


def history(run: Path) -> np.ndarray:
    return np.genfromtxt(run / "history.csv", delimiter=",", names=True)


def n_epochs(run: Path) -> int:
    """Epochs that a run in progress has kept."""
    path = run / "history.csv"
    return len(path.read_text().splitlines()) - 1 if path.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--schedule", "plateau", "--patience", "3", "--learning-rate", "0.01"),
        ("--schedule", "cyclical", "--average-weights", "0.9"),
    ],
)
def test_killed_in_the_third_epoch(images, tmp_path, options):
    """By SIGKILL; the resumed training ends as the undisturbed one."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(words(images, whole, *options), check=True, capture_output=True)
    with subprocess.Popen(
        words(images, killed, *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while n_epochs(killed) < 2 and process.poll() is None:
            time.sleep(0.05)
        time.sleep(0.2)  # into the third
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert n_epochs(killed) == 2
    assert not (killed / "bundle").exists()
    done = subprocess.run(
        words(images, killed, *options, "--resume"), check=True, capture_output=True, text=True
    )
    assert "epoch   2" not in done.stdout, "what was kept is not done again"
    expected, found = history(whole), history(killed)
    assert len(found) == len(expected), "early stopping as well"
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(found["learning_rate"], expected["learning_rate"])


@pytest.mark.slow
def test_folds_end_with_the_training_that_was_killed(images, tmp_path):
    """Nothing goes on writing into the folder that another may resume."""
    run, options = tmp_path / "run", ("--folds", "2", "--folds-at-once", "2")
    with subprocess.Popen(
        words(images, run, *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not any(n_epochs(run / "folds" / fold) for fold in "01") and process.poll() is None:
            time.sleep(0.05)
        training = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
    assert len(training) >= 2
    _, alive = psutil.wait_procs(training, timeout=60)
    assert not alive
    before = [n_epochs(run / "folds" / fold) for fold in "01"]
    done = subprocess.run(
        words(images, run, *options, "--folds-only", "--resume"),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "24 recordings of 24 sessions held out once" in done.stdout
    for fold, n_before in zip("01", before, strict=True):
        assert n_epochs(run / "folds" / fold) == 6
        for epoch in range(1, n_before + 1):
            assert f"network {int(fold) + 1}  epoch {epoch:>3}" not in done.stdout
