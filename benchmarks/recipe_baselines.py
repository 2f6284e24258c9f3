"""Baselines for the table of recipes: other networks, and forests on MFCC features.

``MobileNetV3-Small`` and ``EfficientNet-B0`` are those of the registry, trained from scratch on the
same images in the same way as SqueezeNet. MobileNetV3-Small has about as many parameters as
SqueezeNet. Their batch normalization has SqueezeNet's momentum, 0.9: with Keras's 0.999 and 0.99
the running statistics would still be close to their initial values after a few hundred batches.

``MFCC, random forest`` and ``MFCC, gradient boosting`` are classifiers of scikit-learn. Their
features of a segment are means and standard deviations over time of 20 coefficients and of their
first and second differences. The forest has 500 trees and otherwise the defaults. Gradient boosting
has a lower learning rate and more regularization than by default, which fails with so many labels:
8.9 % top-1 on the first fold of the manifest's 88 species.
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

    Minimum of five rounds, since other programs only add time.
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

    return _min_seconds(once) / n_images * 1000


def _min_seconds(once: Callable[[], object], n_rounds: int = 5) -> float:
    seconds = []
    for _ in range(n_rounds):
        started_s = time.process_time()
        once()
        seconds.append(time.process_time() - started_s)
    return min(seconds)


def mfcc_features(
    store: ImageStore, rows: Sequence[IndexRow], manifest: Path, audio: Path, kept: Path
) -> dict[str, Floats]:
    """Compute the MFCC features of the segments of images.

    Parameters
    ----------
    store : ImageStore
    rows : sequence of IndexRow
    manifest, audio : Path
        Recordings of the images.
    kept : Path
        Cache file of the features, used if it has all images.

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
    """Means and deviations of MFCCs over segments of one recording.

    Parameters
    ----------
    samples : float32, shape (n_samples,)
        At ``config.sample_rate_hz``.
    starts_s : sequence of float
        Start of each segment.
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
    """Limit OpenMP to one thread: on busy cores more threads mostly wait."""
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
    """Fit a forest to the training split, and predict the test split.

    Parameters
    ----------
    name : str
        One of `FORESTS`.
    store : ImageStore
    dataset : Dataset
    features : Mapping
        From `mfcc_features`, of every image of both splits.
    fold, seed, n_jobs : int

    Returns
    -------
    data : CalibrationData
        Logarithms of the trees' probabilities as logits.
    cost : dict
        ``parameters``, the number of nodes of all trees, and ``ms_per_image``, the time of the
        trees per segment, without its features.
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
    test_features = np.stack([features[row.image] for row in rows])
    probabilities = np.zeros((len(rows), len(dataset.labels)), np.float32)
    probabilities[:, trees.classes_] = trees.predict_proba(test_features)
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
        spent_s = _min_seconds(lambda: trees.predict_proba(test_features), n_rounds=3)
    return data, {"parameters": n_nodes, "ms_per_image": spent_s / len(test_features) * 1000}
