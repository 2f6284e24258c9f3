"""``birdsong demo``: every stage on synthetic birds, offline: preprocess, train, classify."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.answers.prediction import Prediction
    from birdsong.recordings.recording import Recording

MARKER_FILE = ".birdsong-demo"
DEMO_FILES = {
    MARKER_FILE,
    "audio",
    "new",
    "noises",
    "images",
    "runs",
    "manifest.csv",
    "new.csv",
    "songs.png",
}
N_INDIVIDUALS = 13
N_TAKES = 1
N_NEW_INDIVIDUALS = 3
N_NOISES = 20
STEP_S = 2.0
PROMISE = 0.9
EPOCHS = {"genus": 5, "species": 7}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    parser.add_argument(
        "--out", type=Path, default=Path("birdsong-demo"), help="folder for all files of the demo"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="number of processes and threads"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="random seed of birds, weights and batches"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train a genus and a species model on synthetic birds, and classify new individuals."""
    from birdsong.recordings.manifest import write_manifest

    from .command import EXIT_OK
    from .validators import check_jobs, check_minimum

    check_jobs(arguments.jobs)
    check_minimum("--seed", arguments.seed, 0)
    started_s = time.monotonic()
    out = _fresh_folder(arguments.out)
    training, new, noises = _make_recordings(out, arguments.seed, arguments.jobs)
    write_manifest(out / "manifest.csv", training)
    write_manifest(out / "new.csv", new)

    _preprocess(out, training, arguments.jobs)
    for rank in ("genus", "species"):
        _train(out, rank, arguments)
    _classify_new_birds(out, new, noises)

    print(f"\nThe demo took {time.monotonic() - started_s:.0f} s; its files are in {out}.")
    print("See the results in a browser, after pip install '.[app]':")
    print(f"  birdsong app --bundle {out / 'runs' / 'species' / 'bundle'} \\")
    print(f"    --audio {out / 'new'} --manifest {out / 'new.csv'} --images {out / 'images'} \\")
    print(f"    --run {out / 'runs' / 'species'}")
    print("Now with your recordings:")
    print("  birdsong preprocess --manifest MANIFEST.csv --audio FOLDER --out images")
    print("  birdsong train images --rank genus --out runs/genus")
    print("  birdsong classify RECORDING --bundle runs/genus/bundle")
    return EXIT_OK


def _fresh_folder(out: Path) -> Path:
    """Make the folder, or empty that of an earlier demo; other files stay untouched."""
    from birdsong.errors import DatasetError, OverwriteError

    if out.exists() and any(out.iterdir()):
        if not (out / MARKER_FILE).exists():
            raise DatasetError(
                f"{out}: is not empty and not of an earlier demo; name another --out"
            )
        if foreign := sorted(_foreign_files(out)):
            more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
            verb = "are" if len(foreign) > 1 else "is"
            raise OverwriteError(
                f"{out}: the demo would replace an earlier one there, but {foreign[0]}{more} "
                f"{verb} not of it; nothing was changed: name another --out, or move the files "
                "elsewhere"
            )
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER_FILE).touch()
    return out


def _foreign_files(out: Path) -> Iterator[str]:
    """Find what the folder of a demo and its run folder hold beside the demo's own files."""
    for folder, own in ((out, DEMO_FILES), (out / "runs", set(EPOCHS))):
        if folder.is_dir():
            yield from (str(path) for path in folder.iterdir() if path.name not in own)


def _make_recordings(
    out: Path, seed: int, n_jobs: int
) -> tuple[list[Recording], list[Recording], list[Path]]:
    from birdsong.synthetic.files import write_noises, write_recordings
    from birdsong.synthetic.species import SPECIES
    from birdsong.synthetic.synthesis import SynthesisConfig

    _heading("1. Synthetic birds")
    config = SynthesisConfig()
    training = write_recordings(
        out / "audio",
        n_individuals=N_INDIVIDUALS,
        takes_per_individual=N_TAKES,
        seed=seed,
        config=config,
        n_jobs=n_jobs,
    )
    new = write_recordings(
        out / "new",
        n_individuals=N_NEW_INDIVIDUALS,
        takes_per_individual=1,
        seed=seed,
        config=config,
        first_individual=N_INDIVIDUALS,
        n_jobs=n_jobs,
    )
    noises = [
        out / "noises" / noise.file
        for noise in write_noises(out / "noises", n=N_NOISES, seed=seed + 1, config=config)
    ]
    genera = {species.genus for species in SPECIES}
    families = {species.family for species in SPECIES}
    print(
        f"{len(SPECIES)} species in {len(genera)} genera and {len(families)} families: "
        f"{len(training)} recordings for training,\n{len(new)} of other individuals and "
        f"{len(noises)} without a bird for testing"
    )
    return training, new, noises


def _preprocess(out: Path, recordings: Sequence[Recording], n_jobs: int) -> None:
    from birdsong.images.contact_sheet import write_contact_sheet
    from birdsong.images.store import open_store
    from birdsong.preprocessing.preprocess import preprocess
    from birdsong.preprocessing.preprocess_recording import PreprocessConfig
    from birdsong.runs.jobs import JobsConfig

    from .preprocess import print_summary
    from .progress import Progress

    _heading("2. Recordings to images")
    with Progress("preprocess", len(recordings), "recordings") as progress:
        receipt = preprocess(
            recordings,
            out / "audio",
            out / "images",
            config=PreprocessConfig(step_s=STEP_S),
            jobs=JobsConfig(n_jobs=n_jobs),
            on_done=lambda row: progress.advance(),
        )
    print_summary(receipt, out / "images")
    write_contact_sheet(open_store(out / "images"), out / "songs.png")
    print(f"an image of each species: {out / 'songs.png'}")


def _train(out: Path, rank: str, arguments: argparse.Namespace) -> None:
    from birdsong.images.store import open_store
    from birdsong.learning.data.dataset_config import DatasetConfig
    from birdsong.learning.training.loss_config import LossConfig
    from birdsong.learning.training.optimizer_config import OptimizerConfig
    from birdsong.learning.training.train import train
    from birdsong.learning.training.training_config import TrainingConfig
    from birdsong.loading.augmentation import AugmentationConfig

    from .train_console import CONSOLE

    _heading("3. Training on genera" if rank == "genus" else "4. Training on species")
    train(
        open_store(out / "images"),
        out / "runs" / rank,
        TrainingConfig(
            dataset=DatasetConfig(
                rank=rank,
                validation_share=0.1,
                calibration_share=0.2,
                test_share=0.0,
                seed=arguments.seed,
            ),
            epochs=EPOCHS[rank],
            batch_size=32,
            optimizer=OptimizerConfig(learning_rate=2e-3),
            loss=LossConfig(label_smoothing=0.0),
            augmentation=AugmentationConfig(mixup_alpha=0.0),
            n_threads=arguments.jobs,
            seed=arguments.seed,
        ),
        listener=CONSOLE,
    )


def _classify_new_birds(out: Path, new: Sequence[Recording], noises: Sequence[Path]) -> None:
    from birdsong.answers.classifier import Classifier, ClassifyConfig

    from .classify import prediction_line

    _heading("5. Classifying new individuals")
    predictions: dict[str, list[Prediction]] = {}
    for rank in ("genus", "species"):
        classifier = Classifier.load(out / "runs" / rank / "bundle")
        predictions[rank] = [
            classifier.classify(
                out / "new" / r.file, name=r.file, config=ClassifyConfig(promise=PROMISE)
            )
            for r in new
        ]
        true_names = [r.genus if rank == "genus" else r.scientific_name for r in new]
        right = sum(
            p.top[0].taxon == name for p, name in zip(predictions[rank], true_names, strict=True)
        )
        print(
            f"{rank:<8} most probable {rank} right for {right} of {len(new)} new recordings "
            f"({100 * right / len(new):.0f} %)"
        )
    noise_answers = [classifier.classify(noise).answer for noise in noises]
    n_species = sum(answer is not None and answer.rank == "species" for answer in noise_answers)
    print(f"noises   {n_species} of {len(noises)} got a species")
    print(f"\nAnswers of the species model when it must be {PROMISE:.0%} sure:")
    _print_answers_by_rank(predictions["species"], new)
    print("\nThree of the answers:")
    for prediction in predictions["species"][:: max(1, len(new) // 3)][:3]:
        print(f"  {prediction_line(prediction)}")


def _print_answers_by_rank(predictions: Sequence[Prediction], new: Sequence[Recording]) -> None:
    right_at: dict[str, list[bool]] = {}
    for prediction, recording in zip(predictions, new, strict=True):
        if prediction.answer is not None:
            true_taxa = (
                recording.order,
                recording.family,
                recording.genus,
                recording.scientific_name,
            )
            is_right = prediction.answer.taxon in true_taxa
            right_at.setdefault(prediction.answer.rank, []).append(is_right)
    for rank in ("species", "genus", "family", "order"):
        if rank in right_at:
            n_right, n = sum(right_at[rank]), len(right_at[rank])
            print(f"  {rank:<8} {n:>3} answers, {n_right:>3} right")
    print(f"  a bird, no closer rank: {len(right_at.get('class', []))}")


def _heading(title: str) -> None:
    print(f"\n{title}", flush=True)


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["demo", *sys.argv[1:]]))
