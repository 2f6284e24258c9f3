"""``birdsong bench``: run a benchmark of ``benchmarks/`` beside its alternatives."""

from __future__ import annotations

import argparse
import json
import runpy
import sys
from pathlib import Path
from typing import Any

from .config_options import add_old_option
from .replace_option import add_replace_argument

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
NAMES = ("preprocess", "png", "activity", "feed", "train", "classify", "app")
OPTIONS = {
    "feed": ("images", "n_images", "scratch", "thorough", "large", "plot"),
    "train": ("images", "n_images", "scratch", "seconds", "only_packed"),
    "classify": ("long_hours",),
    "app": ("people", "minutes"),
}
"""Options that only some benchmarks have."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    parser.add_argument("name", choices=NAMES, help="the benchmark to run")
    parser.add_argument(
        "--json", type=Path, default=None, metavar="FILE", help="write the figures to a file"
    )
    add_replace_argument(parser, "overwrite an existing file of --json or --plot")
    parser.add_argument(
        "--audio", type=Path, default=None,
        help="folder of recordings; synthetic ones by default, and always for `activity`",
    )  # fmt: skip
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often to time each alternative, in turn"
    )
    _add_image_options(parser.add_argument_group("`feed` and `train` only"))
    _add_feed_options(parser.add_argument_group("`feed` only"))
    _add_train_options(parser.add_argument_group("`train` only"))
    classify = parser.add_argument_group("`classify` only")
    classify.add_argument(
        "--long-hours", type=float, default=None, metavar="H",
        help="duration of the one long file whose memory use is measured; 1 by default",
    )  # fmt: skip
    app = parser.add_argument_group("`app` only")
    app.add_argument(
        "--people", type=int, default=None, metavar="N",
        help="number of people who upload at the same time; 20 by default",
    )  # fmt: skip
    app.add_argument(
        "--minutes", type=float, default=None, metavar="M", help="how long they use the app"
    )


def _add_image_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--images", type=Path, default=None, help="folder of images; synthetic ones by default"
    )
    group.add_argument(
        "--n-images", type=int, default=None, metavar="N", help="maximum number of images"
    )
    add_old_option(group, "--pictures", "--n-images", "n_images", None, type=int)
    group.add_argument(
        "--scratch", type=Path, default=None, metavar="DIR", help="folder on the drive to measure"
    )


def _add_feed_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--thorough", action="store_true", default=None,
        help="measure every combination: takes hours instead of minutes",
    )  # fmt: skip
    group.add_argument(
        "--large", type=int, default=None, metavar="N",
        help="also make a packed copy of N images and feed it once; 800000 take 10 GB",
    )  # fmt: skip
    group.add_argument(
        "--plot", type=Path, default=None, metavar="FILE", help="plot the speed-up over the workers"
    )


def _add_train_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--seconds", type=float, default=None, metavar="S",
        help="duration of each training in each round; 20 by default",
    )  # fmt: skip
    group.add_argument(
        "--only-packed", action="store_true", default=None,
        help="measure only the fully augmented packed copy, and the same images in memory",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark, print its table, and write the figures to a file if asked."""
    from birdsong.errors import ConfigError
    from birdsong.overwrite import check_absent

    from .command import EXIT_OK
    from .validators import check_minimum

    script = BENCHMARKS / f"{arguments.name}.py"
    if not script.exists():
        raise ConfigError(
            "benchmarks are not part of the installed package: clone the repository, and type "
            f"`birdsong bench {arguments.name}` in it after `pip install -e '.[bench]'`"
        )
    check_minimum("--rounds", arguments.rounds)
    for option in ("json", "plot"):  # checked before hours of measuring
        path = getattr(arguments, option)
        check_absent([path] if path else [], replace=arguments.replace, option=f"--{option}")
    sys.path.append(str(BENCHMARKS.parent))  # they import each other
    measure = runpy.run_path(str(script))["measure"]
    figures = measure(**_benchmark_options(arguments), n_rounds=arguments.rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
        print(f"figures: {arguments.json}")
    return EXIT_OK


def _benchmark_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of the benchmark, apart from the number of rounds.

    Raises
    ------
    ConfigError
        If an option belongs to another benchmark, or is out of range.
    """
    from birdsong.errors import ConfigError

    from .validators import check_minimum

    given = {name: getattr(arguments, name) for names in OPTIONS.values() for name in names}
    given = {name: each for name, each in given.items() if each is not None}
    allowed = OPTIONS.get(arguments.name, ())
    for name in given:
        if name not in allowed:
            where = " and ".join(
                f"`birdsong bench {each}`" for each in OPTIONS if name in OPTIONS[each]
            )
            raise ConfigError(f"--{name.replace('_', '-')} is for {where} only")
    for name in ("long_hours", "minutes"):
        if not given.get(name, 1.0) > 0:
            option = name.replace("_", "-")
            raise ConfigError(f"--{option} must be greater than 0, got {given[name]:g}")
    for name in ("n_images", "large", "people"):
        check_minimum(f"--{name.replace('_', '-')}", given.get(name, 1))
    if "images" not in allowed:
        return {"audio": arguments.audio} | given
    if arguments.audio:
        raise ConfigError(
            f"--audio is not for `birdsong bench {arguments.name}`, which takes --images"
        )
    if not given.get("seconds", 1.0) > 0:
        raise ConfigError(f"--seconds must be greater than 0, got {given['seconds']:g}")
    renamed = {"large": "n_large"}
    return {"images": None} | {renamed.get(name, name): each for name, each in given.items()}


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["bench", *sys.argv[1:]]))
