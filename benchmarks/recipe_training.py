"""Trains a recipe without one fold and measures it on that fold: a line of the table."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from benchmarks import recipe_baselines as baselines
from benchmarks.recipe_configs import METRICS, MIN_RECORDINGS, RECIPES, run_folder
from birdsong.atomic import write_atomically
from birdsong.bundle.calibration_data import calibration_to_bytes
from birdsong.images.store import ImageStore, open_store
from birdsong.learning.data.dataset_builder import build_fold
from birdsong.learning.evaluation.inference import predict_split_logits
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.learning.training.fit import fit_network
from birdsong.learning.training.train import train
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.preprocessing.preprocess import preprocess
from birdsong.recordings.manifest import read_manifest
from birdsong.runs.jobs import JobsConfig

N_FOLDS = 5


def train_recipe(
    name: str, fold: int, epochs: int, manifest: Path, audio: Path, work: Path
) -> dict[str, Any]:
    """Train a recipe without one fold, and measure it on that fold.

    Parameters
    ----------
    name : str
        One of `RECIPES`.
    fold : int
        One of `N_FOLDS`, from 0.
    epochs : int
    manifest, audio : Path
        Recordings, used if `work` has no images yet.
    work : Path
        Folder of images, trainings and the logits of the fold.

    Returns
    -------
    dict
        A line of the table.
    """
    recipe = RECIPES[name]
    preprocess_config = recipe.preprocess_config()
    placed = "grid" if preprocess_config.grid else "songs"
    fingerprint = preprocess_config.spectrogram.fingerprint()
    images = work / f"images-{fingerprint}-{placed}-{preprocess_config.step_s:g}"
    if not (images / "receipt.csv").exists():
        jobs = JobsConfig(n_jobs=-1)
        preprocess(read_manifest(manifest), audio, images, config=preprocess_config, jobs=jobs)
    store = open_store(images)
    config = recipe.training_config(epochs)
    folder = run_folder(work, name, fold, epochs)
    if recipe.first_epochs:
        first = run_folder(work, f"{name}, others", fold, recipe.first_epochs).parent
        config = pretrained_on_rare_species(store, config, recipe.first_epochs, first)
    dataset = build_fold(store, config.dataset, N_FOLDS, fold)
    keras.backend.clear_session()
    if name in baselines.FORESTS:
        rows = [row for row in store.rows if row.recording in dataset.class_index_of]
        kept = work / f"mfcc-{images.name}.npz"
        features = baselines.mfcc_features(store, rows, manifest, audio, kept)
        started_s = time.monotonic()
        data, cost = baselines.predict_forest(
            name, store, dataset, features, fold=fold, seed=config.seed
        )
        seconds = time.monotonic() - started_s
        folder.mkdir(parents=True, exist_ok=True)
    else:
        model, trained = fit_network(store, dataset, config, folder, n_folds=N_FOLDS)
        data = predict_split_logits(
            model.predict_on_batch,
            store,
            dataset.test,
            dataset.class_index_of,
            fold=fold,
            n_threads=config.n_threads,
        )
        seconds = sum(epoch["seconds"] for epoch in trained)  # of all epochs, also before a stop
        cost = {
            "parameters": model.count_params(),
            "ms_per_image": baselines.ms_per_image(model),
        }
    write_atomically(folder / "held_out.npz", calibration_to_bytes(data))
    measured = measure_logits(data, dataset.label_space)
    return {
        "recipe": name,
        "fold": fold,
        "epochs": epochs,
        "seed": config.seed,
        "recordings": len(data),
        "seconds": round(seconds),
        "images": len(dataset.full_train.rows),
        **{metric: round(measured[metric], 4) for metric in METRICS},
        **{name: round(value, 2) for name, value in cost.items()},
    }


def pretrained_on_rare_species(
    store: ImageStore, config: TrainingConfig, epochs: int, folder: Path
) -> TrainingConfig:
    """Pretrain on the species with too few recordings, if not done yet; return a config with it."""
    if not (folder / "bundle").exists():
        rare = replace(config.dataset, min_recordings=1, max_recordings=MIN_RECORDINGS - 1)
        train(store, folder, replace(config, epochs=epochs, dataset=rare), resume=True)
    return replace(config, dataset=replace(config.dataset, pretrained=str(folder / "bundle")))
