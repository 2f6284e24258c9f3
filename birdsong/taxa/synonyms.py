"""Species that go by another name: which one a table of old and new names means.

Names change when a species moves to another genus, is split, or joins another. A table says so in
rows of ``old_name, new_name``; a name with several successors stands in several rows, and the
column ``preferred`` says with 1 which of them is meant. Where none is, or more than one, nothing is
decided: a wrong name is worse than an old one.
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
    """An old name and what became of it.

    Attributes
    ----------
    old : str
    new : str
        The name that counts now; empty where that is undecided.
    candidates : tuple of str
        All names that it may have become, as far as the table holds them.
    """

    old: str
    new: str
    candidates: tuple[str, ...]

    @property
    def doubt(self) -> str:
        """Say why `new` is empty."""
        return (
            f"{self.old!r} became {' or '.join(map(repr, self.candidates))}"
            + (" or another species" if len(self.candidates) == 1 else "")
            + ", and the synonyms prefer none"
        )


class Synonyms:
    """Old names of species, looked up without regard to case and underscores.

    Parameters
    ----------
    synonyms : iterable of Synonym
        Each old name once.

    Raises
    ------
    TaxonomyError
        If names lead round in a circle.
    """

    def __init__(self, synonyms: Iterable[Synonym] = ()) -> None:
        self._of = {taxon_key(synonym.old): synonym for synonym in synonyms}
        self._former: defaultdict[str, list[str]] = defaultdict(list)
        for synonym in self._of.values():
            if synonym.new:
                self._former[taxon_key(synonym.new)].append(synonym.old)
        for synonym in self._of.values():
            names = self._chain(synonym.old)
            if taxon_key(names[-1]) in map(taxon_key, names[:-1]):
                raise TaxonomyError(f"the names lead round in a circle: {' -> '.join(names)}")

    def __len__(self) -> int:
        return len(self._of)

    def find(self, name: str) -> Synonym | None:
        """What became of an old name; None for a name that is none."""
        return self._of.get(taxon_key(name))

    def successors(self, name: str) -> list[str]:
        """The names that `name` had afterwards, one after the other; the last one counts now."""
        return self._chain(name)[1:]

    def former_names(self, name: str) -> list[str]:
        """The old names that became `name`."""
        return list(self._former.get(taxon_key(name), ()))

    def genus_successors(self, genus: str) -> list[str]:
        """The genera that species of a genus went to, sorted; without those that went nowhere."""
        key = taxon_key(genus)
        return sorted(
            {
                synonym.new.split()[0]
                for synonym in self._of.values()
                if synonym.new and taxon_key(synonym.old).split()[0] == key
            }
        )

    def _chain(self, name: str) -> list[str]:
        """The name and its successors; where they lead in a circle, up to the first that recurs."""
        names, seen = [name], {taxon_key(name)}
        while (synonym := self.find(names[-1])) and synonym.new:
            names.append(synonym.new)
            if taxon_key(synonym.new) in seen:
                break
            seen.add(taxon_key(synonym.new))
        return names


def read_synonyms(path: str | os.PathLike[str]) -> Synonyms:
    """Read a table of old and new names.

    Parameters
    ----------
    path : path-like
        CSV with the columns ``old_name`` and ``new_name``, and optionally ``preferred``: 1 for the
        successor that is meant. Without that column a name with one successor means it.

    Returns
    -------
    Synonyms

    Raises
    ------
    TaxonomyError
        If the file cannot be read, lacks a column or holds no names, if a row lacks a name, or if
        names lead round in a circle.
    """
    table = read_csv(path)
    if not {"old name", "new name"} <= table.keys:
        raise TaxonomyError(
            f"{table.name}: expected the columns 'old_name' and 'new_name', "
            f"got {', '.join(table.header)}"
        )
    rows_of: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for number, row in table.rows:
        for column in ("old name", "new name"):
            row[column] = _name(row[column], f"{table.name}, row {number}", column)
        if row["old name"] != row["new name"]:
            rows_of[taxon_key(row["old name"])].append(row)
    if not rows_of:
        raise TaxonomyError(f"{table.name}: expected at least one old name, got none")
    try:
        return Synonyms(_decided(rows) for rows in rows_of.values())
    except TaxonomyError as error:
        raise TaxonomyError(f"{table.name}: {error}") from error


def _decided(rows: list[dict[str, str]]) -> Synonym:
    """What became of one name, from all rows about it."""
    candidates = tuple(dict.fromkeys(row["new name"] for row in rows))
    meant = candidates
    if any(row.get("preferred") for row in rows):
        meant = tuple(dict.fromkeys(row["new name"] for row in rows if row["preferred"] == "1"))
    return Synonym(rows[0]["old name"], meant[0] if len(meant) == 1 else "", candidates)


def _name(cell: str, where: str, column: str) -> str:
    words = tidy(cell).split()
    if len(words) < 2:
        raise TaxonomyError(
            f"{where}: '{column.replace(' ', '_')}' must be the name of a species such as "
            f"'Turdus merula', got {cell!r}"
        )
    return " ".join([words[0].capitalize(), *(word.lower() for word in words[1:])])
