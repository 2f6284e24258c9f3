"""Compares recipes, trained on the same folds by session, in a table.

    python -m benchmarks.recipes --audio audio --table docs/recipes.csv plain hierarchical
    python -m benchmarks.recipes --table docs/recipes.csv --compare
    python -m benchmarks.recipes --table docs/recipes.csv --run runs/birds --images images shipped

A recipe changes settings of preprocessing, dataset or training. All recipes hold out the same
recordings, so that differences are paired by recording, with intervals over sessions. You can stop
and restart it: a fold of a recipe that is in the table is not trained again. Only lines with the
same number of epochs are compared. The baselines of `recipe_baselines` are trained and compared in
the same way; forests have no epochs and get the number of ``--epochs``. The folds of a run of
``birdsong train --folds`` can be added under any name.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recipe_configs import METRICS, RECIPES, run_folder
from birdsong.atomic import write_atomically

FOLDS = (0, 1)
EPOCHS = 15
COST = ("parameters", "ms_per_image")
COLUMNS = ("recipe", "fold", "epochs", "seed", "recordings", "seconds", "images", *METRICS, *COST)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train recipes, add a run, or compare the recipes of the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="RECIPE", help=", ".join(RECIPES))
    parser.add_argument(
        "--table", type=Path, required=True, help="CSV, created if it does not exist"
    )
    parser.add_argument("--audio", type=Path, help="folder of the manifest's recordings")
    parser.add_argument("--manifest", type=Path, default=Path("data_manifest.csv"))
    parser.add_argument("--work", type=Path, default=Path("runs/recipes"), help="kept between runs")
    parser.add_argument("--folds", type=int, nargs="+", default=FOLDS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--compare", action="store_true", help="with the first recipe named")
    parser.add_argument("--run", type=Path, help="a run in folds, to be added under a name")
    parser.add_argument("--images", type=Path, help="the images of that run")
    options = parser.parse_args(arguments)
    if options.run is not None:
        if len(options.names) != 1 or options.images is None:
            parser.error("--run needs --images, and one name")
        add_run(options.names[0], options.run, options.images, options.table, options.work)
        return 0
    if options.compare:
        against = (options.names or ["plain"])[0]
        if against not in {name for name, _, n in read_table(options.table) if n == options.epochs}:
            parser.error(f"the table has no line of {against!r} with {options.epochs} epochs")
        compare(options.table, options.work, options.epochs, against=against)
        return 0
    if unknown := set(options.names) - set(RECIPES):
        parser.error(f"no such recipe: {', '.join(sorted(unknown))}")
    if options.audio is None or not options.names:
        parser.error("name the recipes, and the folder of recordings with --audio")
    from benchmarks.recipe_training import train_recipe

    for fold in options.folds:
        for name in options.names:
            if (name, fold, options.epochs) in read_table(options.table):
                continue
            line = train_recipe(
                name, fold, options.epochs, options.manifest, options.audio, options.work
            )
            append(options.table, line)
            print(", ".join(f"{column} {line[column]}" for column in COLUMNS), flush=True)
    return 0


def add_run(name: str, run: Path, images: Path, table: Path, work: Path) -> None:
    """Add a line for each measured fold of a run, and copy its logits."""
    from birdsong.bundle.calibration_data import calibration_from_bytes
    from birdsong.images.store import open_store
    from birdsong.learning.data.dataset_builder import build_fold
    from birdsong.learning.evaluation.scores import measure_logits
    from birdsong.learning.training.training_config import TrainingConfig

    store = open_store(images)
    for source in sorted((run / "folds").iterdir(), key=lambda path: int(path.name)):
        if not (source / "held_out.npz").exists():
            continue
        description = json.loads((source / "run.json").read_text())
        config, fold = TrainingConfig.from_dict(description["config"]), int(source.name)
        if (name, fold, config.epochs) in read_table(table):
            continue
        dataset = build_fold(store, config.dataset, description["folds"], fold)
        logits = (source / "held_out.npz").read_bytes()
        kept = run_folder(work, name, fold, config.epochs)
        kept.mkdir(parents=True, exist_ok=True)
        write_atomically(kept / "held_out.npz", logits)
        with (source / "history.csv").open(newline="", encoding="utf-8") as file:
            seconds = sum(float(epoch["seconds"]) for epoch in csv.DictReader(file))
        measured = measure_logits(calibration_from_bytes(logits), dataset.label_space)
        line = {
            "recipe": name,
            "fold": fold,
            "epochs": config.epochs,
            "seed": config.seed,
            "recordings": measured["recordings"],
            "seconds": round(seconds),
            "images": len(dataset.full_train.rows),
            **{metric: round(measured[metric], 4) for metric in METRICS},
            "parameters": description["parameters"],
        }
        append(table, line)
        print(", ".join(f"{column} {line.get(column, '')}" for column in COLUMNS), flush=True)


def compare(table: Path, work: Path, epochs: int, *, against: str) -> None:
    """Print the metrics of each recipe, and its difference to one recipe on shared recordings.

    `work` holds the logits of each recording. For recipes that were trained elsewhere only the
    metrics of the table are printed.
    """
    from birdsong.learning.evaluation.metrics.bootstrap import session_interval

    lines = [line for line in read_table(table).values() if int(line["epochs"]) == epochs]
    names = list(dict.fromkeys(line["recipe"] for line in lines))
    right = {
        name: _correct(
            [
                run_folder(work, name, int(line["fold"]), epochs)
                for line in lines
                if line["recipe"] == name
            ]
        )
        for name in names
    }
    for name in names:
        own = [line for line in lines if line["recipe"] == name]
        means = [
            f"{metric} {np.mean([float(line[metric]) for line in own]):.3f}" for metric in METRICS
        ]
        print(f"{name}: {len(own)} folds, {', '.join([*means, *_cost(own)])}")
        both = sorted(right[name].keys() & right[against].keys())
        if name == against or not both:
            continue
        differences = np.array([right[name][key] - right[against][key] for key in both], float)
        low, high = session_interval(
            lambda weights, d=differences: float(np.average(d, weights=weights)),  # type: ignore[misc]
            [session for _, session in both],
        )
        print(
            f"    top-1 against {against}: {100 * differences.mean():+.1f} points "
            f"({100 * low:+.1f} to {100 * high:+.1f}) on {len(both)} recordings"
        )


def _cost(lines: Sequence[Mapping[str, str]]) -> list[str]:
    """Mean parameters, milliseconds per image and seconds of training, if the table has them."""
    measured = [line for line in lines if all(line.get(column) for column in COST)]
    if not measured:
        return []
    parameters, ms, seconds = (
        np.mean([float(line[column]) for line in measured]) for column in (*COST, "seconds")
    )
    return [f"{parameters:.0f} parameters", f"{ms:.2f} ms an image", f"{seconds:.0f} s to train"]


def _correct(folders: Sequence[Path]) -> dict[tuple[str, str], bool]:
    """Whether the predicted label is right, for each recording and its session."""
    from birdsong.bundle.calibration import pool_recordings
    from birdsong.bundle.calibration_data import calibration_from_bytes
    from birdsong.bundle.pooling import DEFAULT_POOLING

    right: dict[tuple[str, str], bool] = {}
    for folder in folders:
        if not (folder / "held_out.npz").exists():
            continue  # trained on another machine
        data = calibration_from_bytes((folder / "held_out.npz").read_bytes())
        probabilities, _ = pool_recordings(data, has_background=True, rule=DEFAULT_POOLING)
        keys = zip(data.recordings, data.sessions, strict=True)
        right.update(zip(keys, (probabilities.argmax(axis=1) == data.y_true).tolist(), strict=True))
    return right


def read_table(table: Path) -> dict[tuple[str, int, int], dict[str, str]]:
    """Read the lines of a table, by recipe, fold and epochs."""
    return {
        (line["recipe"], int(line["fold"]), int(line["epochs"])): line for line in _lines(table)
    }


def append(table: Path, line: Mapping[str, Any]) -> None:
    """Append a line to a table; columns that an older table lacks are added, empty."""
    lines = _lines(table)
    missing = [column for column in COLUMNS if lines and column not in lines[0]]
    columns = [*lines[0], *missing] if lines else list(COLUMNS)
    if missing or not lines:
        content = io.StringIO(newline="")
        writer = csv.DictWriter(content, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        write_atomically(table, content.getvalue().encode())
    with table.open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, columns, lineterminator="\n").writerow(line)


def _lines(table: Path) -> list[dict[str, str]]:
    if not table.exists():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    sys.exit(main())
