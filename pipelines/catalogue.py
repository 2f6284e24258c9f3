"""The xeno-canto catalogue: its options, the connection to it, and searches."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.recordings.xeno_canto import CatalogueRecording, InvalidRow, XenoCanto

ADDRESS = "https://xeno-canto.org"


def add_catalogue_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for access to the catalogue."""
    group = parser.add_argument_group("access")
    group.add_argument(
        "--key-file", type=Path, default=None, metavar="FILE",
        help="text file with your xeno-canto API key; otherwise the environment variable "
        "XENO_CANTO_KEY must hold it",
    )  # fmt: skip
    add_request_options(group)


def add_request_options(group: argparse._ArgumentGroup) -> None:
    """Add the options for requests to a server."""
    group.add_argument(
        "--requests-per-s",
        type=float,
        default=1.0,
        metavar="N",
        help="maximum request rate of all jobs together",
    )
    group.add_argument("--address", default=ADDRESS, help="URL of the server or of a mirror")


@contextmanager
def open_catalogue(arguments: argparse.Namespace) -> Iterator[XenoCanto]:
    """Open a connection to the catalogue.

    Raises
    ------
    ConfigError
        If there is no API key, or the request rate is not above 0.
    """
    from birdsong.recordings.connection import Connection
    from birdsong.recordings.xeno_canto import XenoCanto, read_key

    key = read_key(arguments.key_file)
    with Connection(requests_per_s=check_request_rate(arguments.requests_per_s)) as connection:
        yield XenoCanto(connection, key, address=arguments.address)


def species_queries(species: Path, synonyms: Path | None) -> list[tuple[str, ...]]:
    """Read a list of species and make the queries for each.

    The first query of a species uses the name of the list, the others its synonyms.

    Raises
    ------
    ConfigError
        If the list cannot be read, or a line is not the scientific name of a species.
    TaxonomyError
        If the table of synonyms cannot be read.
    """
    from birdsong.errors import ConfigError
    from birdsong.taxa.synonyms import Synonyms, read_synonyms

    renames = Synonyms() if synonyms is None else read_synonyms(synonyms)
    try:
        lines = species.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{species}: the list of species cannot be read") from error
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
        names = dict.fromkeys([name, *renames.successors(name), *renames.former_names(name)])
        queries.append(tuple(_query(each) for each in names))
    return queries


def _query(name: str) -> str:
    genus, species = name.lower().split()[:2]
    return f"gen:{genus} sp:{species} grp:birds"


def search_catalogue(
    xeno_canto: XenoCanto, queries: Sequence[Sequence[str]]
) -> Iterator[CatalogueRecording | InvalidRow]:
    """Search for each group of queries, in turn until one of the group finds something."""
    from .progress import Progress
    from .truncate import truncate

    empty_queries = []
    with Progress("search xeno-canto", len(queries), "queries") as progress:
        for alternatives in queries:
            n_found = 0
            for query in alternatives:
                for each in xeno_canto.search(query):
                    n_found += 1
                    yield each
                if n_found:
                    break
            else:
                empty_queries.append(alternatives[0])
            progress.advance(alternatives[0])
    lines = [f"nothing found: {query}" for query in empty_queries]
    for line in truncate(lines, "and for {} more queries"):
        print(line)


def check_request_rate(requests_per_s: float) -> float:
    """Return the request rate if it is in range."""
    from birdsong.errors import ConfigError

    if not 0 < requests_per_s <= 1000:
        raise ConfigError(
            f"--requests-per-s must be above 0 and at most 1000, got {requests_per_s:g}"
        )
    return requests_per_s
