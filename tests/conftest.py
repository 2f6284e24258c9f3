"""What many tests share: a few clear voices, their images, and a model that knows them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings

from birdsong.recordings.recording import Recording

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # for tests that import it by themselves

# A slow machine is no fault of the code.
settings.register_profile("birdsong", deadline=None, max_examples=25)
settings.load_profile("birdsong")

RATE_HZ = 24_000
REAL_RECORDINGS = Path(__file__).resolve().parents[1].parent / "shared" / "recordings"


def voice(species: str, seconds: float, seed: int) -> np.ndarray:
    """A song that a child could tell from the others, over faint noise; float32 (n,)."""
    generator = np.random.default_rng(seed)
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    detune = generator.uniform(0.97, 1.03)
    beat_s = generator.uniform(0.35, 0.45)
    within_s = times_s % beat_s
    if species == "low":
        phase, sounding = 1200 * detune * times_s, within_s < 0.2
    elif species == "rising":
        phase, sounding = detune * (2000 + 8000 * within_s) * within_s, within_s < 0.25
    else:
        phase, sounding = 8000 * detune * times_s, within_s < 0.1
    song = 0.2 * np.sin(2 * np.pi * phase) * sounding
    song *= times_s % 4 < 3  # a second of rest in four
    return (song + 0.002 * generator.standard_normal(len(times_s))).astype(np.float32)


VOICES = {
    # name of the voice: genus, species, family
    "low": ("Gravis", "profundus", "Gravidae"),
    "rising": ("Acutus", "surgens", "Acutidae"),
    "high": ("Acutus", "summus", "Acutidae"),
}


def write_voices(folder: Path, *, n_each: int, first_seed: int = 0) -> list[Recording]:
    """Write recordings of each voice, every one of them its own session."""
    recordings = []
    for number, (name, (genus, species, family)) in enumerate(VOICES.items()):
        for i in range(n_each):
            file = f"{genus}_{species}_{first_seed + i}.wav"
            seed = first_seed + 1000 * number + i
            soundfile.write(folder / file, voice(name, 7.0, seed), RATE_HZ)
            recordings.append(
                Recording(
                    file=file, order="Fictiformes", family=family, genus=genus, species=species,
                    english_name=f"{name.title()} Voice",
                )
            )  # fmt: skip
    return recordings


@pytest.fixture(scope="session")
def voices(tmp_path_factory) -> tuple[Path, list[Recording]]:
    """A folder of 24 recordings of three species, and their manifest rows."""
    folder = tmp_path_factory.mktemp("voices")
    return folder, write_voices(folder, n_each=8)


@pytest.fixture(scope="session")
def images(voices, tmp_path_factory) -> Path:
    """The images of these recordings."""
    from birdsong.preprocessing.preprocess import preprocess

    folder = tmp_path_factory.mktemp("images")
    preprocess(voices[1], voices[0], folder)
    return folder


@pytest.fixture(scope="session")
def bundle_dir(images, tmp_path_factory) -> Path:
    """A bundle that tells the three voices apart, and was not trained."""
    from birdsong.images.store import open_store
    from tests.band_means import write_band_mean_bundle

    folder = tmp_path_factory.mktemp("bundles") / "voices"
    write_band_mean_bundle(open_store(images), folder)
    return folder


@pytest.fixture(scope="session")
def calibrated_dir(images, bundle_dir, tmp_path_factory) -> Path:
    """The same bundle, calibrated by the recordings that it was not fitted to, eight times over."""
    from dataclasses import replace

    from birdsong.bundle.bundle_files import read_bundle, write_bundle
    from birdsong.bundle.calibration_data import CalibrationData
    from birdsong.bundle.onnx_network import Network
    from birdsong.images.store import open_store
    from birdsong.learning.evaluation.calibration_fit import calibrate
    from birdsong.learning.evaluation.inference import by_recording, predict_logits

    bundle, store = read_bundle(bundle_dir), open_store(images)
    rows = by_recording([row for row in store.rows if row.session not in bundle.sessions])
    taxa = [label.taxon for label in bundle.bird_labels]
    heard = predict_logits(
        Network(bundle).logits, store, rows, {row.recording: taxa.index(row.taxon) for row in rows}
    )
    eight = [
        replace(heard, sessions=tuple(f"{name}, take {take}" for name in heard.sessions))
        for take in range(8)
    ]
    folder = tmp_path_factory.mktemp("bundles") / "calibrated"
    data = CalibrationData.concatenate(eight)
    write_bundle(calibrate(replace(bundle, calibration_data=data)), folder)
    return folder


@pytest.fixture(scope="session")
def tensorflow():
    """TensorFlow, imported when the first test needs it: on a busy machine that takes minutes."""
    import tensorflow

    return tensorflow


def few_layers(
    n_labels: int, *, shape: tuple[int, int] = (64, 200), dropout: float = 0.5, **_options: object
):
    """Build what stands in for SqueezeNet, for what does not depend on the network."""
    import keras

    return keras.Sequential(
        [
            keras.Input((*shape, 1), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(8, 5, strides=4, activation="relu"),
            keras.layers.Dropout(dropout, name="dropout"),
            keras.layers.Conv2D(n_labels, 1, name="labels"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


@contextmanager
def small_network_learns() -> Iterator[None]:
    """Training learns with a network of a few layers.

    Without graphs: a few steps take less time than to trace them.
    """
    import tensorflow

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("birdsong.learning.models.squeezenet.squeezenet", few_layers)
        tensorflow.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tensorflow.config.run_functions_eagerly(False)


@pytest.fixture
def small_network(tensorflow):
    with small_network_learns():
        yield


@pytest.fixture(scope="session")
def real_recordings() -> Path:
    """The folder of real recordings beside the project; skips where there is none."""
    if not REAL_RECORDINGS.is_dir():
        pytest.skip("no real recordings beside the project")
    return REAL_RECORDINGS
