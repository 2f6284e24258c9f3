"""The command ``birdsong``: finds the stage that was asked for, runs it, tells what went wrong.

A stage is a module beside this one with ``add_arguments(parser)`` and ``run(arguments) -> int``.
It imports what is heavy inside ``run``, so that ``--help`` answers at once.
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
    "demo": "make synthetic birds, learn them, name new ones: offline, in a few minutes",
    "manifest": "list recordings: from xeno-canto or a folder; check the list, complete it",
    "download": "fetch the recordings of a manifest from xeno-canto",
    "preprocess": "turn recordings into 200 x 64 spectrogram PNGs",
    "explore": "see what is in a folder of PNGs: counts, levels, licences, what stands out",
    "pack": "put the PNGs of a folder into a few large files beside them",
    "train": "learn species, genera or families from PNGs",
    "join": "make one model of several, which answers by the mean of what they say",
    "evaluate": "measure a model on recordings that it did not learn from",
    "card": "write down what a model knows, how good it is and whom it learned from",
    "classify": "name the birds in recordings",
    "bench": "time preprocessing beside the decoder alone and the usual way",
    "app": "drop in recordings and look at the answers, in a browser",
}

ALL_WELL, SOME_FAILED, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130


def console(argv: Sequence[str] | None = None) -> int:
    """Run one stage as a process of its own: what `birdsong` on a terminal does."""
    from .quiet_stderr import quiet_stderr

    quiet_stderr()
    if isinstance(sys.stdout, io.TextIOWrapper):  # what is read on is UTF-8, as our files are
        encoding = sys.stdout.encoding if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
    return main(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one stage.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``birdsong``; the process's own by default.

    Returns
    -------
    int
        0 all well, 1 finished but some recordings failed, 2 wrong usage, nothing to do or nowhere
        to write, 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    asked = words[0] if words and words[0] in STAGES else None
    parser = _parser(asked)
    arguments = parser.parse_args(words)
    if asked is None:
        parser.print_help()
        return NOTHING_DONE
    try:
        status: int = _stage(asked).run(arguments)
        sys.stdout.flush()
        return status
    except BirdsongError as error:
        print(f"birdsong {asked}: {error}", file=sys.stderr)
        return NOTHING_DONE
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] == "birdsong":
            raise
        print(
            f"birdsong {asked}: needs the package '{error.name}'; "
            "in the project's folder, type: pip install '.[all]'",
            file=sys.stderr,
        )
        return NOTHING_DONE
    except KeyboardInterrupt:
        print(f"\nbirdsong {asked}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        _write_no_more()
        return ALL_WELL
    except OSError as error:  # a full disk, a folder that may not be written into
        where = f"{error.filename}: " if error.filename else ""
        print(one_line(f"birdsong {asked}: {where}{error.strerror or error}"), file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            _write_no_more()
        return NOTHING_DONE


def _write_no_more() -> None:
    """Keep what is left in the buffer from failing once more when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a default where there is one to show."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.nargs == 0 or action.default in (None, False, "", [], ()):
            return action.help
        return super()._get_help_string(action)


def _parser(asked: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="birdsong",
        description="Recordings of birds to an answer at the rank that the evidence supports.",
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
        if name == asked:
            _stage(name).add_arguments(stage)
    return parser


def _stage(name: str) -> ModuleType:
    return importlib.import_module(f".{name}", __package__)


if __name__ == "__main__":
    sys.exit(console())
