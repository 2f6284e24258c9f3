"""The species that occur at a place: a list of names, read and looked up in a model's tree.

A list is a text with a name a line, or a table with a column of scientific names or with genus and
species, as any manifest has them. What its names admit are labels: `admitted_labels`.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from birdsong.errors import TaxonomyError
from birdsong.taxa.csv_rows import CsvTable, column_key, parse_csv, read_text
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import taxon_key, tidy
from birdsong.taxa.naming import resolve
from birdsong.taxa.synonyms import Synonyms
from birdsong.taxa.taxonomy import Taxonomy

_NAME_COLUMNS = ("scientific name", "sci name", "species", "taxon")
_UNIDENTIFIED = frozenset({"sp", "sp.", "spp", "spp.", "spec."})
_TABLES = frozenset({".csv", ".tsv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesList:
    """A list in the names of a tree.

    Attributes
    ----------
    taxa : frozenset of str
        Taxa of the tree, species for the most part; a genus, also written ``Turdus sp.``, stands
        for all of its species.
    genera_of_others : frozenset of str
        Genera of the tree with a species on the list that the tree does not hold.
    unknown : tuple of str
        What is on the list and not in the tree, in the order of the list.
    """

    taxa: frozenset[str]
    genera_of_others: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()


def read_species_list(
    path: str | os.PathLike[str], taxonomy: Taxonomy, synonyms: Synonyms | None = None
) -> SpeciesList:
    """Read a list of species and look its names up.

    Parameters
    ----------
    path : path-like
        A text with a name a line, what follows a ``#`` being a comment; or a CSV table with the
        column ``scientific_name``, or ``genus`` and ``species``. A name may have capitals and
        underscores anywhere, and more may follow it: a subspecies, or an English name as in
        ``Turdus merula_Eurasian Blackbird``.
    taxonomy : Taxonomy
        Of the model that is to be narrowed.
    synonyms : Synonyms, optional

    Returns
    -------
    SpeciesList

    Raises
    ------
    TaxonomyError
        If the file cannot be read, is a table without such a column, holds no name, or none that
        the tree knows.
    """
    return parse_species_list(read_text(path), taxonomy, synonyms, name=Path(path).name)


def parse_species_list(
    text: str, taxonomy: Taxonomy, synonyms: Synonyms | None = None, *, name: str
) -> SpeciesList:
    """Take a list of species apart and look its names up.

    Parameters
    ----------
    text : str
    taxonomy, synonyms
        As in `read_species_list`.
    name : str
        What errors call the list; with the ending of a table it has to be one, or a plain list.

    Returns
    -------
    SpeciesList

    Raises
    ------
    TaxonomyError
        If it is a table without a column of names, holds no name, or none that the tree knows.
    """
    listed = list(dict.fromkeys(_names(text, name)))
    if not listed:
        raise TaxonomyError(
            f"{name}: the list is empty; expected at least one name such as 'Turdus merula'"
        )
    taxa: set[str] = set()
    genera: set[str] = set()
    unknown = []
    for each in listed:
        words = each.split()
        if words[1:] and words[1].casefold() in _UNIDENTIFIED:
            words = words[:1]
        found = resolve(" ".join(words), taxonomy, synonyms)
        if found.taxon is None and len(words) > 2:
            found = resolve(" ".join(words[:2]), taxonomy, synonyms)
        if found.taxon is not None:
            taxa.add(found.taxon.name)
            continue
        unknown.append(each)
        if len(words) > 1 and words[0] in taxonomy and taxonomy.taxon(words[0]).rank == "genus":
            genera.add(taxonomy.taxon(words[0]).name)
    if not taxa and not genera:
        raise TaxonomyError(
            f"{name}: the model knows none of the {len(listed)} names of the list, the first being "
            f"{listed[0]!r}; expected scientific names such as 'Turdus merula'"
        )
    return SpeciesList(
        taxa=frozenset(taxa), genera_of_others=frozenset(genera), unknown=tuple(unknown)
    )


def admitted_labels(
    listed: SpeciesList, taxonomy: Taxonomy, labels: Sequence[Label]
) -> npt.NDArray[np.bool_]:
    """Tell which labels may be the answer where only the taxa of a list occur.

    These are the labels at or under a taxon of the list. A species of the list without a label of
    its own admits the nearest label above it: that of its genus means, beside labels of other
    species, the species without one.

    Parameters
    ----------
    listed : SpeciesList
        Read with this `taxonomy`.
    taxonomy : Taxonomy
    labels : sequence of Label, length n_labels
        Without the background.

    Returns
    -------
    bool, shape (n_labels,)

    Raises
    ------
    TaxonomyError
        If no label is admitted, or one is not in the tree.
    """
    index_of = {taxonomy.taxon(label.taxon).name: i for i, label in enumerate(labels)}
    paths = [[taxon.name for taxon in taxonomy.path(label.taxon)] for label in labels]
    admitted = np.array([not listed.taxa.isdisjoint(path) for path in paths], dtype=np.bool_)
    for name in listed.taxa | listed.genera_of_others:
        above = (index_of.get(taxon.name) for taxon in reversed(taxonomy.path(name)))
        nearest = next((index for index in above if index is not None), None)
        if nearest is not None:
            admitted[nearest] = True
    if not admitted.any():
        raise TaxonomyError(
            f"none of the {len(labels)} labels of the model is of a taxon on the list; "
            "expected species that it learned, or their genera"
        )
    return admitted


def _names(text: str, name: str) -> Iterator[str]:
    """The names of a list, tidy, in its order."""
    lines = [line.partition("#")[0] for line in text.splitlines()]
    first = next((line for line in lines if line.strip()), "")
    header = [cell.strip('" ') for cell in re.split("[,;\t]", first)]
    keys = set(map(column_key, header))
    if {"genus", "species"} <= keys or not keys.isdisjoint(_NAME_COLUMNS):
        without_comments = re.sub("^#.*", "", text, flags=re.MULTILINE)
        yield from _column(parse_csv(name, without_comments))
    elif Path(name).suffix.lower() in _TABLES and len(keys) > 1:
        raise _no_names(name, header)
    else:
        listed = (tidy(re.split("[,;\t]", line)[0]) for line in lines)
        yield from (each for each in listed if each)


def _column(table: CsvTable) -> Iterator[str]:
    """The names of a table."""
    column = next((key for key in _NAME_COLUMNS if key in table.keys), None)
    if column is None:  # cells stand between something else than it seemed
        raise _no_names(table.name, table.header)
    for _, row in table.rows:
        name = tidy(row[column])
        if column == "species" and (genus := tidy(row.get("genus", ""))):
            is_whole = taxon_key(name).startswith(f"{taxon_key(genus)} ")
            name = name if is_whole else tidy(f"{genus} {name}")
        if name:
            yield name


def _no_names(name: str, header: Sequence[str]) -> TaxonomyError:
    return TaxonomyError(
        f"{name}: expected a column 'scientific_name', or 'genus' and 'species', "
        f"got {', '.join(header[:20])}"
    )
