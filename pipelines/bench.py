"""``birdsong bench``: side-by-side measurements in one run; they live in ``benchmarks/``."""

from __future__ import annotations

import argparse
import json
import runpy
import sys
from pathlib import Path
from typing import Any

from .replacing import add_replace_argument

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
NAMES = ("preprocess", "png", "activity", "feed", "train", "classify", "app")
OPTIONS = {
    "feed": ("images", "n_images", "scratch", "thorough", "large", "plot"),
    "train": ("images", "n_images", "scratch", "seconds", "only_packed"),
    "classify": ("long_hours",),
    "app": ("people", "minutes"),
}
"""What only some measurements take."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument("name", choices=NAMES, help="what to measure")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="keep the figures")
    add_replace_argument(parser, "overwrite a file of --json or --plot that is there already")
    parser.add_argument(
        "--audio",
        type=Path,
        default=None,
        help="folder of recordings; made for it without one, and for `activity` always",
    )
    parser.add_argument("--rounds", type=int, default=3, help="each way is timed so often, in turn")
    both = parser.add_argument_group("of `feed` and `train` only")
    both.add_argument(
        "--images", type=Path, default=None, help="folder of images; made for it without one"
    )
    both.add_argument(
        "--n-images",
        "--pictures",
        type=int,
        default=None,
        metavar="N",
        help="of the folder or made, at most",
    )
    both.add_argument(
        "--scratch", type=Path, default=None, metavar="DIR", help="on the drive to measure"
    )
    feeding = parser.add_argument_group("of `feed` only")
    feeding.add_argument(
        "--thorough",
        action="store_true",
        default=None,
        help="every combination: hours instead of minutes",
    )
    feeding.add_argument(
        "--large", type=int, default=None, metavar="N",
        help="also make a packed copy of N images and feed it once; 800000 take 10 GB",
    )  # fmt: skip
    feeding.add_argument(
        "--plot", type=Path, default=None, metavar="FILE", help="draw speed-up against workers"
    )
    classifying = parser.add_argument_group("of `classify` only")
    classifying.add_argument(
        "--long-hours", type=float, default=None, metavar="H",
        help="length of the one long file whose memory is measured; 1 without it",
    )  # fmt: skip
    serving = parser.add_argument_group("of `app` only")
    serving.add_argument(
        "--people", type=int, default=None, metavar="N", help="who upload at once; 20 without it"
    )
    serving.add_argument(
        "--minutes", type=float, default=None, metavar="M", help="how long they then go on"
    )
    training = parser.add_argument_group("of `train` only")
    training.add_argument(
        "--seconds", type=float, default=None, metavar="S",
        help="of each training in each round, 20 by default",
    )  # fmt: skip
    training.add_argument(
        "--only-packed", action="store_true", default=None,
        help="nothing but the packed copy fully augmented, and what memory alone gives",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Measure, show a table, and keep the figures where asked for."""
    from birdsong.errors import ConfigError
    from birdsong.overwrite import check_absent

    from .command import ALL_WELL
    from .validators import check_least

    script = BENCHMARKS / f"{arguments.name}.py"
    if not script.exists():
        raise ConfigError(
            "measurements are not part of the installed package: clone the repository, and type "
            f"`birdsong bench {arguments.name}` in it after `pip install -e '.[bench]'`"
        )
    check_least("--rounds", arguments.rounds)
    for option in ("json", "plot"):  # before hours of measuring
        path = getattr(arguments, option)
        check_absent([path] if path else [], replace=arguments.replace, option=f"--{option}")
    sys.path.append(str(BENCHMARKS.parent))  # they know each other
    measure = runpy.run_path(str(script))["measure"]
    figures = measure(**_asked(arguments), n_rounds=arguments.rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
        print(f"figures: {arguments.json}")
    return ALL_WELL


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a measurement is told, beside how often to measure."""
    from birdsong.errors import ConfigError

    from .validators import check_least

    given = {name: getattr(arguments, name) for names in OPTIONS.values() for name in names}
    given = {name: each for name, each in given.items() if each is not None}
    own = OPTIONS.get(arguments.name, ())
    for name in given:
        if name not in own:
            where = " and ".join(
                f"`birdsong bench {each}`" for each in OPTIONS if name in OPTIONS[each]
            )
            raise ConfigError(f"--{name.replace('_', '-')} is for {where} only")
    for name in ("long_hours", "minutes"):
        if not given.get(name, 1.0) > 0:
            option = name.replace("_", "-")
            raise ConfigError(f"--{option} must be greater than 0, got {given[name]:g}")
    for name in ("n_images", "large", "people"):
        check_least(f"--{name.replace('_', '-')}", given.get(name, 1))
    if "images" not in own:
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
