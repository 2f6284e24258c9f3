"""``birdsong classify``: identify the birds in recordings of any length."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .replace_option import add_replace_argument
from .species_filter import add_only_argument

if TYPE_CHECKING:
    from birdsong.answers.prediction import Prediction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    from birdsong.answers.export_formats import FORMATS

    printed = [name for name, each in FORMATS.items() if each.to_stdout]
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="recordings, or folders of recordings"
    )
    parser.add_argument(
        "--bundle",
        type=Path,
        default=None,
        help="model, as in RUN/bundle; the shipped model by default",
    )
    parser.add_argument(
        "--promise", type=float, default=0.9,
        help="share of the answers that must be right, at each rank separately",
    )  # fmt: skip
    add_only_argument(parser)
    parser.add_argument(
        "--overlap",
        type=float,
        default=None,
        metavar="S",
        help="place segments on a regular grid with this overlap in seconds, not around songs",
    )
    parser.add_argument(
        "--answer-up-to-s",
        type=float,
        default=120.0,
        metavar="S",
        help="longest recording that gets one answer; longer ones get only detections",
    )
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default="csv", help="format of the results"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=None,
        help=f"folder for the results; without it {' and '.join(printed)} are printed",
    )
    add_replace_argument(parser, "overwrite results of this format in --out")


def run(arguments: argparse.Namespace) -> int:
    """Classify the recordings, write the results, and print what failed."""
    from birdsong.answers.classifier import Classifier, ClassifyConfig, check_overlap
    from birdsong.answers.export_formats import answer_format
    from birdsong.answers.result_files import write_results
    from birdsong.bundle.bundle_files import DEFAULT_BUNDLE
    from birdsong.errors import ConfigError, printable_name

    from .command import EXIT_NOTHING_DONE, EXIT_OK, EXIT_SOME_FAILED
    from .progress import Progress
    from .species_filter import allowed_labels

    format = answer_format(arguments.format)
    if arguments.out is None and not format.to_stdout:
        raise ConfigError(
            f"--format {arguments.format} writes files: name a folder for them with --out DIR"
        )
    config = ClassifyConfig(promise=arguments.promise, answer_up_to_s=arguments.answer_up_to_s)
    classifier = Classifier.load(arguments.bundle or DEFAULT_BUNDLE)
    check_overlap(arguments.overlap, classifier.bundle.spectrogram, name="--overlap")
    config = replace(config, overlap_s=arguments.overlap)
    if arguments.only is not None:
        config = replace(config, only=allowed_labels(arguments.only, classifier.bundle))
    recordings = list(dict.fromkeys(find_recordings(arguments.paths)))
    if not recordings:
        print("birdsong classify: the folders hold no recordings", file=sys.stderr)
        return EXIT_NOTHING_DONE
    n_failed = 0

    def predictions() -> Iterator[Prediction]:
        nonlocal n_failed
        with Progress("classify", len(recordings), "recordings") as progress:
            for path in recordings:
                prediction = classifier.classify(path, config=config)
                n_failed += prediction.status == "failed"
                progress.print_above(prediction_line(prediction))
                progress.advance()
                yield prediction

    if arguments.out is None:
        for chunk in format.encode(predictions(), classifier.bundle.spectrogram):
            sys.stdout.write(chunk.decode())
            sys.stdout.flush()
    else:
        written = write_results(
            predictions(),
            [printable_name(str(path)) for path in recordings],
            arguments.out,
            format=arguments.format,
            spectrogram=classifier.bundle.spectrogram,
            replace=arguments.replace,
        )
        print(f"results: {written}", file=sys.stderr)
    return EXIT_SOME_FAILED if n_failed else EXIT_OK


def find_recordings(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the given files, and the recordings in the given folders, sorted.

    A given file is always tried, whatever its suffix. Prints on standard error which files of a
    folder are skipped.
    """
    from birdsong.recordings.audio_folder import find_audio_files

    from .skipped_files import print_skipped_files

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        listing = find_audio_files(path)
        print_skipped_files(path, listing.skipped)
        yield from listing.files


def prediction_line(prediction: Prediction) -> str:
    """Summarize a prediction in one line."""
    from birdsong.errors import strip_name

    if prediction.status == "failed":
        cause = strip_name(prediction.error, prediction.recording)
        return f"{prediction.recording}: failed: {cause}"
    answer = prediction.answer
    if answer is None:
        summary = f"{len(prediction.detections)} detections; {prediction.reason}"
    elif answer.taxon is None:
        summary = f"no bird. {answer.reason}"
    else:
        name = f" ({answer.english_name})" if answer.english_name else ""
        # Rounded down, so that 89.9 % never reads as a promise of 90 %.
        percent = math.floor(100 * answer.probability + 1e-9)
        summary = f"{answer.rank} {answer.taxon}{name}, {percent} %. {answer.reason}"
    notes = "".join(f" [{warning}]" for warning in prediction.warnings)
    return f"{prediction.recording}: {summary}{notes}"


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["classify", *sys.argv[1:]]))
