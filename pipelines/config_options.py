"""Makes command-line options from the fields of configs; see `birdsong.config_options`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from birdsong.config_options import OPTION, Option
from birdsong.errors import ConfigError

if TYPE_CHECKING:
    from dataclasses import Field

OptionContainer = argparse._ActionsContainer  # a parser or an argument group


def add_config_options(parser: OptionContainer, config: type, path: str = "") -> None:
    """Add an option for each config field that declares one.

    Parameters
    ----------
    parser : ArgumentParser or argument group
    config : type
        A dataclass.
    path : str
        Field of the enclosing config that holds this config, as ``model``; empty for the outermost
        config.
    """
    types = get_type_hints(config)
    for each in fields(config):
        if OPTION in each.metadata:
            _add_option(parser, each, types[each.name], _dest(each, path))


def config_values(arguments: argparse.Namespace, config: type, path: str = "") -> dict[str, Any]:
    """Return the parsed value of each config field that has an option.

    Parameters
    ----------
    arguments : Namespace
    config : type
    path : str
        As for `add_config_options`.

    Returns
    -------
    dict
        Values by field name.
    """
    parsed = vars(arguments)
    values = {}
    for each in fields(config):
        if OPTION in each.metadata:
            value = parsed[_dest(each, path)]
            values[each.name] = tuple(value) if isinstance(value, list) else value
    return values


def add_old_option(
    parser: OptionContainer, old_flag: str, flag: str, dest: str, const: Any, **kwargs: Any
) -> None:
    """Accept the old name of a renamed option, and print a note with the new name.

    Parameters
    ----------
    parser : ArgumentParser or argument group
    old_flag : str
    flag : str
        The new name, with the value that the old option stands for, if any.
    dest : str
        Name of the value in the parsed arguments.
    const : object
        The value that the old option sets when none follows it.
    kwargs : object
        How `add_argument` parses a value; empty for an option without a value.
    """

    class OldName(argparse.Action):
        def __call__(
            self,
            _: argparse.ArgumentParser,
            namespace: argparse.Namespace,
            values: Any,
            *__: object,
        ) -> None:
            print(f"note: {old_flag} is called {flag} now", file=sys.stderr)
            setattr(namespace, dest, const if values in (None, []) else values)

    hidden: dict[str, Any] = {"default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
    parser.add_argument(
        old_flag, dest=dest, action=OldName, **{"nargs": None if kwargs else 0, **kwargs, **hidden}
    )


def add_removed_option(
    parser: OptionContainer, flag: str, message: str, *, takes_value: bool
) -> None:
    """Make a removed option fail with a message.

    Parameters
    ----------
    parser : ArgumentParser or argument group
    flag : str
    message : str
        The last version that had it, and why it was removed.
    takes_value : bool
        Whether a value followed the option.
    """

    class Removed(argparse.Action):
        def __call__(self, *_: object) -> None:
            raise ConfigError(f"{flag}: {message}")

    parser.add_argument(
        flag,
        action=Removed,
        nargs=None if takes_value else 0,
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
    )


def _dest(field: Field[Any], path: str) -> str:
    """Return the name of a field's value in the parsed arguments."""
    return f"{path}.{field.name}" if path else field.name


def _add_option(parser: OptionContainer, field: Field[Any], kind: Any, dest: str) -> None:
    option: Option = field.metadata[OPTION]
    flag = option.flag or f"--{field.name.replace('_', '-')}"
    if kind is bool:
        action = "store_false" if field.default else "store_true"
        parser.add_argument(flag, dest=dest, action=action, default=field.default, help=option.help)
        for old_flag in option.old_flags:
            add_old_option(parser, old_flag, flag, dest, not field.default)
        return
    kwargs: dict[str, Any] = {"type": kind}
    if get_args(kind):  # a tuple
        kwargs = {"type": get_args(kind)[0], "nargs": "+"}
    if option.choices:
        kwargs["choices"] = option.choices
    else:
        kwargs["metavar"] = option.metavar or None
    parser.add_argument(flag, dest=dest, default=field.default, help=option.help, **kwargs)
    for old_flag in option.old_flags:
        add_old_option(parser, old_flag, flag, dest, field.default, **kwargs)
