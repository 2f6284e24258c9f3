"""What a person would otherwise pick, for the table of recipes: other networks, and no network.

``MobileNetV3-Small`` and ``EfficientNet-B0`` are those of the registry, from scratch, on the same
images, trained as SqueezeNet is. Of the two sizes of MobileNetV3 the small one is taken: it has
about as many parameters as SqueezeNet here. Their batch normalization follows as fast as
SqueezeNet's (momentum 0.9): with Keras's 0.999 and 0.99 the statistics of a few hundred batches
would still be mostly those that they began with.

``MFCC, random forest`` and ``MFCC, gradient boosting`` learn from each segment that has an image
means and standard deviations over time of 20 coefficients and of their first and second
differences, by scikit-learn. The forest has 500 trees and its defaults otherwise. Gradient boosting
takes smaller and more careful steps than by default, which gets lost among so many labels: 8.9 %
top-1 on the first fold of the manifest's 88 species.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from birdsong.bundle.calibration_data import CalibrationData
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.evaluation.inference import by_recording, predict_logits
from birdsong.recordings.audio_folder import AudioFolder
from birdsong.recordings.manifest import read_manifest
from birdsong.sound.audio_reader import read_samples
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE, SpectrogramConfig

N_COEFFICIENTS = 20
N_TREES = 500
BOOSTING = {"learning_rate": 0.05, "l2_regularization": 10.0, "max_leaf_nodes": 15}
BATCH_SIZE = 8
MIN_PROBABILITY = 1e-6
Floats = npt.NDArray[np.float32]


NETWORKS: Mapping[str, str] = {
    "MobileNetV3-Small": "mobilenet-v3-small",
    "EfficientNet-B0": "efficientnet-b0",
}
"""Name in the registry, by the name of the recipe."""

FORESTS = ("MFCC, random forest", "MFCC, gradient boosting")


def ms_per_image(model: Any, *, n_images: int = 128) -> float:
    """Milliseconds of processor time for an image: as ONNX, on one core, eight at a time.

    The least of five rounds, since other programs only ever add to it.
    """
    from birdsong.bundle.onnx_network import disable_telemetry

    disable_telemetry()
    import onnxruntime

    from birdsong.learning.export.onnx_export import to_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        to_onnx(model), options, providers=["CPUExecutionProvider"]
    )
    (images,) = session.get_inputs()
    drawn = np.random.default_rng(0).integers(0, 256, (n_images, *SPECTROGRAM_SHAPE, 1), np.uint8)

    def once() -> None:
        for first in range(0, n_images, BATCH_SIZE):
            session.run(None, {images.name: drawn[first : first + BATCH_SIZE]})

    return _least_s(once) / n_images * 1000


def _least_s(once: Callable[[], object], n_rounds: int = 5) -> float:
    seconds = []
    for _ in range(n_rounds):
        started_s = time.process_time()
        once()
        seconds.append(time.process_time() - started_s)
    return min(seconds)


def mfcc_features(
    store: ImageStore, rows: Sequence[IndexRow], manifest: Path, audio: Path, kept: Path
) -> dict[str, Floats]:
    """Describe the segments that images were made of.

    Parameters
    ----------
    store : ImageStore
    rows : sequence of IndexRow
    manifest, audio : Path
        Where the recordings of the images are.
    kept : Path
        File that keeps the features, taken where it holds all that are asked for.

    Returns
    -------
    dict
        For each image, by its name, float32 ``(6 * N_COEFFICIENTS,)``.
    """
    if kept.exists():
        with np.load(kept, allow_pickle=False) as arrays:
            known = dict(zip(arrays["images"].tolist(), arrays["features"], strict=True))
        if known.keys() >= {row.image for row in rows}:
            return known
    folder = AudioFolder(audio)
    paths = {each.name: folder.find(each) for each in read_manifest(manifest)}
    of_recording: dict[str, list[IndexRow]] = {}
    for row in rows:
        of_recording.setdefault(row.recording, []).append(row)
    features: dict[str, Floats] = {}
    for name, own in of_recording.items():
        samples = read_samples(paths[name], store.config.sample_rate_hz)
        described = statistics(samples, [row.start_s for row in own], store.config)
        features |= zip((row.image for row in own), described, strict=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(kept, images=list(features), features=np.stack(list(features.values())))
    return features


def statistics(samples: Floats, starts_s: Sequence[float], config: SpectrogramConfig) -> Floats:
    """Means and deviations of cepstral coefficients over segments of one recording.

    Parameters
    ----------
    samples : float32, shape (n_samples,)
        At ``config.sample_rate_hz``.
    starts_s : sequence of float
        Where each segment begins.
    config : SpectrogramConfig
        Frames, bands and the length of a segment are those of the images.

    Returns
    -------
    float32, shape (n_segments, 6 * N_COEFFICIENTS)
    """
    import librosa

    if len(samples) < config.n_fft:
        samples = np.pad(samples, (0, config.n_fft - len(samples)))
    coefficients = librosa.feature.mfcc(
        y=samples, sr=config.sample_rate_hz, n_mfcc=N_COEFFICIENTS, n_fft=config.n_fft,
        hop_length=config.hop_length, n_mels=SPECTROGRAM_SHAPE[0], fmin=config.f_min_hz,
        fmax=config.f_max_hz, center=False,
    )  # fmt: skip
    differences = [librosa.feature.delta(coefficients, order=k, mode="nearest") for k in (1, 2)]
    frames = np.concatenate([coefficients, *differences])
    described = []
    for start_s in starts_s:
        first = min(round(start_s * config.frames_per_s), frames.shape[1] - 1)
        own = frames[:, first : first + SPECTROGRAM_SHAPE[1]]
        described.append(np.concatenate([own.mean(axis=1), own.std(axis=1)]))
    return np.array(described, np.float32)


def _one_thread() -> Any:
    """Keep OpenMP to one thread: on busy cores several spend most of their time waiting."""
    import threadpoolctl

    return threadpoolctl.threadpool_limits(1, user_api="openmp")


def predict_forest(
    name: str,
    store: ImageStore,
    dataset: Dataset,
    features: Mapping[str, Floats],
    *,
    fold: int,
    seed: int,
    n_jobs: int = 2,
) -> tuple[CalibrationData, dict[str, float]]:
    """Fit trees to the training part, and predict the test part.

    Parameters
    ----------
    name : str
        One of `FORESTS`.
    store : ImageStore
    dataset : Dataset
    features : Mapping
        From `mfcc_features`, of every image of both parts.
    fold, seed, n_jobs : int

    Returns
    -------
    data : CalibrationData
        Logarithms of the trees' probabilities as logits.
    cost : dict
        ``parameters``, the nodes of all trees, and ``ms_per_image``: what the trees take for a
        segment, its features not counted.
    """
    import sklearn.ensemble

    trees: Any = (
        sklearn.ensemble.RandomForestClassifier(N_TREES, n_jobs=n_jobs, random_state=seed)
        if name == FORESTS[0]
        else sklearn.ensemble.HistGradientBoostingClassifier(**BOOSTING, random_state=seed)
    )
    train = dataset.train
    with _one_thread():
        trees.fit(np.stack([features[row.image] for row in train.rows]), train.label_indices)
    rows = by_recording(dataset.test.rows)
    of_test = np.stack([features[row.image] for row in rows])
    probabilities = np.zeros((len(rows), len(dataset.labels)), np.float32)
    probabilities[:, trees.classes_] = trees.predict_proba(of_test)
    logits = iter(np.log(np.maximum(probabilities, MIN_PROBABILITY)))
    data = predict_logits(
        lambda images: np.stack([next(logits) for _ in images]),
        store,
        rows,
        dataset.class_index_of,
        fold=fold,
    )
    if name == FORESTS[0]:
        trees.n_jobs = 1
        n_nodes = sum(tree.tree_.node_count for tree in trees.estimators_)
    else:
        n_nodes = sum(len(tree.nodes) for step in trees._predictors for tree in step)
    with _one_thread():
        spent_s = _least_s(lambda: trees.predict_proba(of_test), n_rounds=3)
    return data, {"parameters": n_nodes, "ms_per_image": spent_s / len(of_test) * 1000}
