"""``birdsong bench``: side-by-side measurements in one run; they live in ``benchmarks/``."""

from __future__ import annotations

import argparse
import json
import runpy
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
NAMES = ("preprocess", "png", "activity")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument("name", choices=NAMES, help="what to measure")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="keep the figures")
    parser.add_argument(
        "--audio",
        type=Path,
        default=None,
        help="folder of recordings; made for it without one, and for `activity` always",
    )
    parser.add_argument("--rounds", type=int, default=3, help="each way is timed so often, in turn")


def run(arguments: argparse.Namespace) -> int:
    """Measure, show a table, and keep the figures where asked for."""
    from birdsong.errors import ConfigError

    from .command import ALL_WELL

    script = BENCHMARKS / f"{arguments.name}.py"
    if not script.exists():
        raise ConfigError(
            "measurements are not part of the installed package: clone the repository, and type "
            f"`birdsong bench {arguments.name}` in it after `pip install -e '.[bench]'`"
        )
    if arguments.rounds < 1:
        raise ConfigError(f"--rounds must be at least 1, got {arguments.rounds}")
    measure = runpy.run_path(str(script))["measure"]
    figures = measure(audio=arguments.audio, n_rounds=arguments.rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
        print(f"figures: {arguments.json}")
    return ALL_WELL


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["bench", *sys.argv[1:]]))
