"""The command ``birdsong``: runs one stage, and prints errors as one sentence.

A stage is a module beside this one with ``add_arguments(parser)`` and ``run(arguments) -> int``.
It imports heavy libraries inside ``run``, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import birdsong
from birdsong.errors import BirdsongError, one_line

STAGES = {
    "demo": "train and test a model on synthetic birds: offline, in a few minutes",
    "manifest": "make a table of recordings from xeno-canto or a folder; check and complete it",
    "download": "fetch the recordings of a manifest from xeno-canto",
    "preprocess": "turn recordings into spectrogram images (PNG files)",
    "explore": "summarize a folder of images: counts, levels, licences, outliers",
    "pack": "copy the images of a folder into a few large files, which load faster",
    "train": "train a model of species, genera or families on images",
    "ensemble": "combine several models into one that averages their log probabilities",
    "evaluate": "measure a model on recordings that it was not trained on",
    "card": "write a model card: labels, accuracy, training data and credits",
    "classify": "identify the birds in recordings",
    "bench": "measure the speed of birdsong beside the alternatives",
    "app": "classify recordings in a browser",
}
OLD_STAGES = {"join": "ensemble"}
"""New name of each renamed stage; the old name still runs and prints a note."""

EXIT_OK, EXIT_SOME_FAILED, EXIT_NOTHING_DONE, EXIT_INTERRUPTED = 0, 1, 2, 130


def console(argv: Sequence[str] | None = None) -> int:
    """Run one stage as the process of the `birdsong` command."""
    from .quiet_stderr import quiet_stderr

    quiet_stderr()
    if isinstance(sys.stdout, io.TextIOWrapper):  # pipes and files are UTF-8
        encoding = sys.stdout.encoding if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
    return main(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one stage.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after ``birdsong``; those of the process by default.

    Returns
    -------
    int
        Exit code: 0 success, 1 some recordings failed, 2 wrong usage, nothing to do or output that
        cannot be written, 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in OLD_STAGES:
        words[0], old = OLD_STAGES[words[0]], words[0]
        print(f"note: birdsong {old} is called birdsong {words[0]} now", file=sys.stderr)
    stage = words[0] if words and words[0] in STAGES else None
    parser = _parser(stage)
    if stage is None:
        parser.parse_args(words)
        parser.print_help()
        return EXIT_NOTHING_DONE
    try:
        status: int = _stage_module(stage).run(parser.parse_args(words))
        sys.stdout.flush()
        return status
    except BirdsongError as error:
        print(f"birdsong {stage}: {error}", file=sys.stderr)
        return EXIT_NOTHING_DONE
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] == "birdsong":
            raise
        print(
            f"birdsong {stage}: needs the package '{error.name}'; "
            "in the project's folder, type: pip install '.[all]'",
            file=sys.stderr,
        )
        return EXIT_NOTHING_DONE
    except KeyboardInterrupt:
        print(f"\nbirdsong {stage}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of the output has ended, as `head` does
        _discard_output()
        return EXIT_OK
    except OSError as error:  # a full disk, a folder without write permission
        where = f"{error.filename}: " if error.filename else ""
        print(one_line(f"birdsong {stage}: {where}{error.strerror or error}"), file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            _discard_output()
        return EXIT_NOTHING_DONE


def _discard_output() -> None:
    """Send buffered output nowhere, so that the flush at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the default of an option, unless it is empty."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        # A default of 0 is shown; it equals False, and so is compared by type.
        if action.nargs == 0 or (
            not action.default and not isinstance(action.default, int | float)
        ):
            return action.help
        return super()._get_help_string(action)


def _parser(requested: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="birdsong",
        description="Identify birds in recordings, at the rank that the evidence supports.",
        epilog="Start with: birdsong demo",
    )
    parser.add_argument("--version", action="version", version=f"birdsong {birdsong.__version__}")
    stages = parser.add_subparsers(title="stages", metavar="STAGE")
    for name, summary in STAGES.items():
        stage = stages.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=_Help,
        )
        if name == requested:
            _stage_module(name).add_arguments(stage)
    return parser


def _stage_module(name: str) -> ModuleType:
    return importlib.import_module(f".{name}", __package__)


if __name__ == "__main__":
    sys.exit(console())
