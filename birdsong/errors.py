"""The exceptions that birdsong raises on purpose.

A message says what is wrong, where, what was expected, what was found and, if the library knows it,
what to do. The commands and the app add the command to type. Any other exception is a bug.
"""

import re
from pathlib import PurePath

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class BirdsongError(Exception):
    """Base class of every error that a user can act on.

    Parameters
    ----------
    message : str
        Stored as one line without control characters, even if it quotes part of a file.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class ConfigError(BirdsongError, ValueError):
    """A setting is out of range."""


class ManifestError(BirdsongError):
    """A manifest, or a row of it, is invalid."""


class AudioError(BirdsongError):
    """A recording cannot be read, or its samples are unusable."""


class WriteError(BirdsongError):
    """A file cannot be written in the requested format."""


class NetworkError(BirdsongError):
    """A server cannot be reached, refuses a request, or sends an unusable response."""


class DatasetError(BirdsongError):
    """A folder of images or a dataset is unsuitable for the task."""


class OverwriteError(BirdsongError):
    """An existing file would be lost without ``--replace``."""


class TaxonomyError(BirdsongError):
    """A table of taxa contradicts itself or lacks a taxon."""


class BundleError(BirdsongError):
    """A bundle is incomplete, altered, or made for other images or another version."""


def printable_name(name: str) -> str:
    r"""Escape the bytes of a file name that are not UTF-8.

    File names are bytes on most systems, and old archives use other encodings.

    Examples
    --------
    >>> printable_name("Kr\udce4he.wav")
    'Kr\\udce4he.wav'
    """
    return name.encode("utf-8", "backslashreplace").decode()


def one_line(text: str) -> str:
    """Replace control characters, so that a terminal prints the text as one line."""
    return printable_name(_CONTROL.sub(" ", text))


def strip_name(message: str, *names: str) -> str:
    """Remove the name of a recording from the start of a message.

    Parameters
    ----------
    message : str
        Message of an error, such as ``XC1.wav: is empty (0 bytes)``.
    *names : str
        Possible names of the recording; of a path, the file name counts as well.

    Examples
    --------
    >>> strip_name("XC1.wav: is empty (0 bytes)", "field/XC1.wav")
    'is empty (0 bytes)'
    """
    for name in names:
        for each in (name, PurePath(name).name):
            prefix = f"{one_line(each)}: "
            if each and message.startswith(prefix):
                return message[len(prefix) :]
    return message
