"""The errors that birdsong raises on purpose: one small tree.

A message says what is wrong, where, what was expected, what was found and, where the library can
know it, what to do. Stages and the app add the command to type. Anything else that is raised is a
bug.
"""

import re
from pathlib import PurePath

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class BirdsongError(Exception):
    """Base of every error that a person can do something about.

    Parameters
    ----------
    message : str
        Kept as one line, without control characters, whatever of a file it quotes.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class ConfigError(BirdsongError, ValueError):
    """A setting is out of its range."""


class ManifestError(BirdsongError):
    """A manifest, or a row of one, is not what it should be."""


class AudioError(BirdsongError):
    """A recording cannot be read, or its samples cannot be used."""


class WriteError(BirdsongError):
    """A file cannot be written, or not in the form that was asked for."""


class NetworkError(BirdsongError):
    """A server cannot be reached, refuses, or answers what cannot be used."""


class DatasetError(BirdsongError):
    """A folder of images cannot be used for what was asked."""


class OverwriteError(BirdsongError):
    """Something that is there already would be lost, and nobody asked for that."""


class TaxonomyError(BirdsongError):
    """A table of taxa contradicts itself, or a taxon is not in it."""


class BundleError(BirdsongError):
    """A bundle is incomplete, altered, or made for other images or another version."""


def printable_name(name: str) -> str:
    r"""Write a file's name so that it can go into any text, its bytes that are no UTF-8 as escapes.

    Names are bytes on most systems, and those of old archives are in other encodings.

    Examples
    --------
    >>> printable_name("Kr\udce4he.wav")
    'Kr\\udce4he.wav'
    """
    return name.encode("utf-8", "backslashreplace").decode()


def one_line(text: str) -> str:
    """Write a text so that a terminal shows it as one line and obeys nothing in it."""
    return printable_name(_CONTROL.sub(" ", text))


def strip_name(message: str, *names: str) -> str:
    """Cut a recording's name off the front of a message, for a line that names it already.

    Parameters
    ----------
    message : str
        Of an error, as in ``XC1.wav: is empty (0 bytes)``.
    *names : str
        What the recording may be called there: a path stands for its last part too.

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
