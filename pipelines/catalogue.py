"""Access to xeno-canto's catalogue, for the stages that ask it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.recordings.xeno_canto import CatalogueRecording, InvalidRow, XenoCanto

ADDRESS = "https://xeno-canto.org"


def add_access(parser: argparse.ArgumentParser) -> None:
    """Name the options."""
    group = parser.add_argument_group("access")
    group.add_argument(
        "--key-file", type=Path, default=None, metavar="FILE",
        help="holds the key of your account; without it, the variable XENO_CANTO_KEY does",
    )  # fmt: skip
    add_manners(group)


def add_manners(group: argparse._ArgumentGroup) -> None:
    """Name the options of how a server is asked."""
    group.add_argument(
        "--requests-per-s", type=float, default=1.0, metavar="N", help="at most, of all jobs"
    )
    group.add_argument("--address", default=ADDRESS, help="another one for a mirror")


@contextmanager
def catalogue(arguments: argparse.Namespace) -> Iterator[XenoCanto]:
    """Open the catalogue.

    Raises
    ------
    ConfigError
        If there is no key, or the rate is not above 0.
    """
    from birdsong.recordings.connection import Connection
    from birdsong.recordings.xeno_canto import XenoCanto, read_key

    key = read_key(arguments.key_file)
    with Connection(requests_per_s=checked_rate(arguments.requests_per_s)) as connection:
        yield XenoCanto(connection, key, address=arguments.address)


def species_queries(species: Path, synonyms: Path | None) -> list[tuple[str, ...]]:
    """Read a list of species: for each a query, and those for other names that it may go by.

    Raises
    ------
    ConfigError
        If the list cannot be read, or a line of it is no name of a species.
    TaxonomyError
        If the synonyms cannot be read.
    """
    from birdsong.errors import ConfigError
    from birdsong.taxa.synonyms import Synonyms, read_synonyms

    known = Synonyms() if synonyms is None else read_synonyms(synonyms)
    try:
        lines = species.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{species}: the list cannot be read") from error
    queries = []
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].replace("_", " ").split()
        if not words:
            continue
        if len(words) < 2 or not all(word.replace("-", "").isalpha() for word in words[:2]):
            raise ConfigError(
                f"{species}, line {number}: expected a name such as 'Turdus merula', got {line!r}"
            )
        name = " ".join(words[:2])
        names = dict.fromkeys([name, *known.successors(name), *known.former_names(name)])
        queries.append(tuple(_query(each) for each in names))
    return queries


def _query(name: str) -> str:
    genus, species = name.lower().split()[:2]
    return f"gen:{genus} sp:{species} grp:birds"


def ask(
    xeno_canto: XenoCanto, queries: Sequence[Sequence[str]]
) -> Iterator[CatalogueRecording | InvalidRow]:
    """Ask for each query; where nothing is found, for those that stand after it, one by one."""
    from .progress import Progress
    from .truncate import first_few

    fruitless = []
    with Progress("ask xeno-canto", len(queries), "queries") as progress:
        for alternatives in queries:
            n_found = 0
            for query in alternatives:
                for each in xeno_canto.search(query):
                    n_found += 1
                    yield each
                if n_found:
                    break
            else:
                fruitless.append(alternatives[0])
            progress.advance(alternatives[0])
    lines = [f"nothing found: {query}" for query in fruitless]
    for line in first_few(lines, "and for {} more queries"):
        print(line)


def checked_rate(requests_per_s: float) -> float:
    """Return a rate that can be kept to."""
    from birdsong.errors import ConfigError

    if not 0 < requests_per_s <= 1000:
        raise ConfigError(f"--requests-per-s must be above 0, got {requests_per_s:g}")
    return requests_per_s
