"""The option ``--replace``, which lets a stage overwrite existing files."""

from __future__ import annotations

import argparse

HELP = "overwrite existing files, whoever made them"


def add_replace_argument(parser: argparse._ActionsContainer, help: str = HELP) -> None:
    """Add the option, with what it overwrites as its help."""
    parser.add_argument("--replace", action="store_true", help=help)
