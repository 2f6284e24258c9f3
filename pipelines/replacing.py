"""``--replace``: that what lies where a stage writes may go, for the stages that have it."""

from __future__ import annotations

import argparse

WHAT = "overwrite what lies there already, of an earlier run or of anybody"


def add_replace_argument(parser: argparse.ArgumentParser, what: str = WHAT) -> None:
    """Name the option; `what` says what it does."""
    parser.add_argument("--replace", action="store_true", help=what)
