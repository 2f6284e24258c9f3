"""Declares the command-line option of a config field beside the field.

A config is a frozen dataclass, and the only place that holds a default. The help text of a setting
is beside it; `birdsong.pipelines.config_options` makes the options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

OPTION = "option"
"""Key of an `Option` in the metadata of a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """The command-line option of a config field.

    Attributes
    ----------
    help : str
    flag : str
        As ``--epochs``; by default the name of the field. One that starts with ``--no-`` turns a
        setting off.
    metavar : str
        Placeholder of the value in ``--help``.
    choices : tuple of str
        The allowed values; empty for any.
    old_flags : tuple of str
        Former names of the option; still read, with a note about the new name.
    """

    help: str
    flag: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    old_flags: tuple[str, ...] = ()


def setting(
    default: Any,
    help: str,
    *,
    flag: str = "",
    metavar: str = "",
    choices: Sequence[str] = (),
    old_flags: Sequence[str] = (),
) -> Any:
    """Declare a config field with a command-line option.

    Parameters
    ----------
    default : object
        Immutable.
    help, flag, metavar, choices, old_flags
        As in `Option`.

    Returns
    -------
    dataclasses.Field
    """
    option = Option(
        help=help,
        flag=flag,
        metavar=metavar,
        choices=tuple(choices),
        old_flags=tuple(old_flags),
    )
    return field(default=default, metadata={OPTION: option})
