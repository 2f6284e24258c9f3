"""``birdsong classify``: files and folders of any length to answers and detections."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.answers.prediction import Prediction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="recordings or folders")
    parser.add_argument("--bundle", type=Path, required=True, help="as in RUN/bundle")
    parser.add_argument(
        "--promise", type=float, default=0.9, help="how probable an answer must be to be given"
    )
    parser.add_argument(
        "--overlap",
        type=float,
        default=None,
        metavar="S",
        help="seconds that neighbouring segments share; as in training by default",
    )
    parser.add_argument(
        "--answer-up-to-s", type=float, default=120.0, help="longer recordings get detections only"
    )
    parser.add_argument("--format", choices=("csv", "json"), default="csv")
    parser.add_argument(
        "--out", type=Path, default=None, help="folder for the results; standard output without"
    )


def run(arguments: argparse.Namespace) -> int:
    """Classify, print the results, and tell what failed."""
    from birdsong.answers.classifier import Classifier, ClassifyConfig
    from birdsong.answers.exports import to_csv, to_json_line

    from .command import ALL_WELL, NOTHING_DONE, SOME_FAILED

    config = ClassifyConfig(
        promise=arguments.promise,
        overlap_s=arguments.overlap,
        answer_up_to_s=arguments.answer_up_to_s,
    )
    classifier = Classifier.load(arguments.bundle)
    recordings = list(find_recordings(arguments.paths))
    if not recordings:
        print("birdsong classify: no recordings in the folders named", file=sys.stderr)
        return NOTHING_DONE
    n_failed = 0

    def predictions() -> Iterator[Prediction]:
        nonlocal n_failed
        for path in recordings:
            prediction = classifier.classify(path, config=config)
            n_failed += prediction.status == "failed"
            print(in_words(prediction), file=sys.stderr)
            yield prediction

    if arguments.format == "json":
        _write((to_json_line(p) + "\n" for p in predictions()), arguments.out, "results.jsonl")
    else:
        table = (to_csv([p], header=i == 0) for i, p in enumerate(predictions()))
        _write(table, arguments.out, "results.csv")
    return SOME_FAILED if n_failed else ALL_WELL


def find_recordings(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files as they are named, and the recordings of folders, sorted."""
    from birdsong.recordings.audio_folder import AUDIO_SUFFIXES

    for path in paths:
        if path.is_dir():
            yield from sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file()
            )
        else:
            yield path


def in_words(prediction: Prediction) -> str:
    """Say in a line what was heard."""
    if prediction.status == "failed":
        return f"failed: {prediction.error}"
    answer = prediction.answer
    if answer is None:
        said = f"{len(prediction.detections)} detections; {prediction.reason}"
    elif answer.taxon is None:
        said = f"no bird. {answer.reason}"
    else:
        name = f" ({answer.english_name})" if answer.english_name else ""
        # Rounded down, so that nothing short of a promise reads as if it kept it.
        percent = math.floor(100 * answer.probability + 1e-9)
        said = f"{answer.rank} {answer.taxon}{name}, {percent} %. {answer.reason}"
    notes = "".join(f" [{warning}]" for warning in prediction.warnings)
    return f"{prediction.recording}: {said}{notes}"


def _write(parts: Iterable[str], out: Path | None, name: str) -> None:
    """Write as results come: to standard output, or to a file that appears when it is whole."""
    if out is None:
        for part in parts:
            sys.stdout.write(part)
            sys.stdout.flush()
        return
    out.mkdir(parents=True, exist_ok=True)
    unfinished = out / f".{name}.part"
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        file.writelines(parts)
    unfinished.replace(out / name)
    print(f"results: {out / name}", file=sys.stderr)


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["classify", *sys.argv[1:]]))
