"""Synonyms: a table of old and new names of species.

A name changes when a species moves to another genus, is split, or is merged with another. The table
has rows of ``old_name, new_name``. A name with several successors has several rows, and a 1 in the
column ``preferred`` marks the one to use. Without exactly one preferred successor the old name
stays unresolved, since a wrong name is worse than an old one.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from birdsong.errors import TaxonomyError
from birdsong.taxa.csv_rows import read_csv
from birdsong.taxa.lineage import taxon_key, tidy


@dataclass(frozen=True, slots=True)
class Synonym:
    """An old name and its successor.

    Attributes
    ----------
    old : str
    new : str
        Current name; empty if it is undecided.
    candidates : tuple of str
        All successors in the table.
    """

    old: str
    new: str
    candidates: tuple[str, ...]

    @property
    def ambiguity(self) -> str:
        """Sentence that says why `new` is empty."""
        return (
            f"{self.old!r} became {' or '.join(map(repr, self.candidates))}"
            + (" or another species" if len(self.candidates) == 1 else "")
            + ", and the synonyms prefer none"
        )


class Synonyms:
    """Synonyms by old name; case and underscores do not count.

    Parameters
    ----------
    synonyms : iterable of Synonym
        One for each old name.

    Raises
    ------
    TaxonomyError
        If the names form a cycle.
    """

    def __init__(self, synonyms: Iterable[Synonym] = ()) -> None:
        self._synonym_by_key = {taxon_key(synonym.old): synonym for synonym in synonyms}
        self._former_by_key: defaultdict[str, list[str]] = defaultdict(list)
        for synonym in self._synonym_by_key.values():
            if synonym.new:
                self._former_by_key[taxon_key(synonym.new)].append(synonym.old)
        for synonym in self._synonym_by_key.values():
            names = self._chain(synonym.old)
            if taxon_key(names[-1]) in map(taxon_key, names[:-1]):
                raise TaxonomyError(f"the names form a cycle: {' -> '.join(names)}")

    def __len__(self) -> int:
        return len(self._synonym_by_key)

    def find(self, name: str) -> Synonym | None:
        """The synonym of an old name, or None."""
        return self._synonym_by_key.get(taxon_key(name))

    def successors(self, name: str) -> list[str]:
        """The later names of `name`, in order; the last one is current."""
        return self._chain(name)[1:]

    def former_names(self, name: str) -> list[str]:
        """The old names whose successor is `name`."""
        return list(self._former_by_key.get(taxon_key(name), ()))

    def genus_successors(self, genus: str) -> list[str]:
        """The current genera of the renamed species of a genus, sorted."""
        key = taxon_key(genus)
        return sorted(
            {
                synonym.new.split()[0]
                for synonym in self._synonym_by_key.values()
                if synonym.new and taxon_key(synonym.old).split()[0] == key
            }
        )

    def _chain(self, name: str) -> list[str]:
        """The name and its successors; a cycle ends at the first repeated name."""
        names, seen = [name], {taxon_key(name)}
        while (synonym := self.find(names[-1])) and synonym.new:
            names.append(synonym.new)
            if taxon_key(synonym.new) in seen:
                break
            seen.add(taxon_key(synonym.new))
        return names


def read_synonyms(path: str | os.PathLike[str]) -> Synonyms:
    """Read a table of synonyms.

    Parameters
    ----------
    path : path-like
        CSV with the columns ``old_name`` and ``new_name``, and optionally ``preferred``, which is 1
        for the successor to use. A single successor needs no mark.

    Returns
    -------
    Synonyms

    Raises
    ------
    TaxonomyError
        If the file cannot be read, lacks a column or has no names, if a row lacks a name, or if the
        names form a cycle.
    """
    table = read_csv(path)
    if not {"old name", "new name"} <= table.keys:
        raise TaxonomyError(
            f"{table.name}: expected the columns 'old_name' and 'new_name', "
            f"got {', '.join(table.header)}"
        )
    rows_by_key: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for number, row in table.rows:
        for column in ("old name", "new name"):
            row[column] = _parse_species_name(row[column], f"{table.name}, row {number}", column)
        if row["old name"] != row["new name"]:
            rows_by_key[taxon_key(row["old name"])].append(row)
    if not rows_by_key:
        raise TaxonomyError(f"{table.name}: expected at least one old name, got none")
    try:
        return Synonyms(_merge_rows(rows) for rows in rows_by_key.values())
    except TaxonomyError as error:
        raise TaxonomyError(f"{table.name}: {error}") from error


def _merge_rows(rows: list[dict[str, str]]) -> Synonym:
    """Combine all rows of one old name."""
    candidates = tuple(dict.fromkeys(row["new name"] for row in rows))
    preferred = candidates
    if any(row.get("preferred") for row in rows):
        preferred = tuple(dict.fromkeys(row["new name"] for row in rows if row["preferred"] == "1"))
    return Synonym(rows[0]["old name"], preferred[0] if len(preferred) == 1 else "", candidates)


def _parse_species_name(cell: str, where: str, column: str) -> str:
    words = tidy(cell).split()
    if len(words) < 2:
        raise TaxonomyError(
            f"{where}: '{column.replace(' ', '_')}' must be the name of a species such as "
            f"'Turdus merula', got {cell!r}"
        )
    return " ".join([words[0].capitalize(), *(word.lower() for word in words[1:])])
