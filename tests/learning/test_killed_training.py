"""A training that was killed goes on, and ends as one that was not."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
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
