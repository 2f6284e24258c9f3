"""Files that are not as the books say, made by hand: one module a family.

Each module has `CASES`: by name, a function that makes the file. Nothing is made before it is asked
for. What a file holds is the generator's own count of samples, never what a decoder says.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.odd_files import aac, channels, flac, iff, levels, mp3, ogg, recorders, wav
from tests.odd_files.base import OddFile

FAMILIES = (wav, iff, flac, mp3, ogg, aac, channels, levels, recorders)

CASES: dict[str, Callable[[], OddFile]] = {
    f"{family.__name__.rpartition('.')[2]}: {name}": make
    for family in FAMILIES
    for name, make in family.CASES.items()
}


def make(name: str) -> OddFile:
    """Make the file of a name."""
    return CASES[name]()
