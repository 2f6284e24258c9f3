"""The species that occur at a place: a list of names, read and looked up in a model's tree.

A list is a text with a name a line, scientific or English, or a table with a column of such names
or with genus and species, as any manifest has them; eBird's life list, its bar charts and its
``MyEBirdData.csv``, BirdNET's lists and iNaturalist's exports are among them. What its names admit
are labels: `allowed_mask`.
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
from birdsong.taxa.lineage import Taxon, taxon_key, tidy
from birdsong.taxa.listed_names import EnglishNames, ListedName, name_variants, species_level_name
from birdsong.taxa.name_resolution import resolve_name
from birdsong.taxa.synonyms import Synonyms
from birdsong.taxa.taxonomy import Taxonomy

_NAME_COLUMNS = ("scientific name", "scientificname", "sci name", "species", "taxon")
_ENGLISH_COLUMNS = (
    *("common name", "english name", "primary com name", "com name", "vernacular name"),
)
_BAR_CHART = re.compile(r"^Sample Size:.*$", re.MULTILINE)
_EMPHASIS = re.compile("<em[^<>]*>([^<>]*)</em>")
_MAX_HEADER = 500  # characters of it in a message
_CELLS = re.compile("[,;\t]")
_TABLES = frozenset({".csv", ".tsv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesList:
    """A list in the names of a tree.

    Attributes
    ----------
    taxa : frozenset of str
        Taxa of the tree, species for the most part; a genus, also written ``Turdus sp.``, stands
        for all of its species.
    genera_with_missing_species : frozenset of str
        Genera of the tree with a species on the list that the tree does not hold.
    unknown : tuple of str
        What is on the list and not in the tree, in the order of the list.
    passed_over : tuple of str
        What is no single taxon: hybrids, two species between which nobody decided, and birds that
        were not identified.
    """

    taxa: frozenset[str]
    genera_with_missing_species: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()


def read_species_list(
    path: str | os.PathLike[str], taxonomy: Taxonomy, synonyms: Synonyms | None = None
) -> SpeciesList:
    """Read a list of species and look its names up.

    Parameters
    ----------
    path : path-like
        A text with a name a line, lines that begin with ``#`` being comments; or a CSV table with
        the column ``scientific_name`` or ``common_name``, or ``genus`` and ``species``. A name may
        be scientific or, where the tree has them, English. A scientific one may have capitals and
        underscores anywhere, and more may follow it: a subspecies, or an English name as in
        ``Turdus merula_Eurasian Blackbird``. In an English one case, hyphens and apostrophes do
        not count.
    taxonomy : Taxonomy
        Of the model that is to be narrowed.
    synonyms : Synonyms, optional

    Returns
    -------
    SpeciesList

    Raises
    ------
    TaxonomyError
        If the file cannot be read, is a table without such a column, holds no name or none that
        the tree knows, or an English name that two taxa share.
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
        If it is a table without a column of names, holds no name or none that the tree knows, or
        an English name that two taxa share.
    """
    listed = list(dict.fromkeys(_names(text, name)))
    if not listed:
        raise TaxonomyError(
            f"{name}: the list is empty; expected at least one name such as 'Turdus merula'"
        )
    taxa: set[str] = set()
    genera: set[str] = set()
    unknown, ambiguous = [], []
    english = EnglishNames(taxonomy.nodes)
    for each in listed:
        if not each.is_single_taxon:
            ambiguous.append(each.written)
            continue
        found = _find(each, taxonomy, synonyms, english, name)
        if found is not None:
            taxa.add(found.name)
            continue
        unknown.append(each.written)
        words = species_level_name(each.candidates[0]).split()
        if len(words) > 1 and words[0] in taxonomy and taxonomy.taxon(words[0]).rank == "genus":
            genera.add(taxonomy.taxon(words[0]).name)
    if not taxa and not genera:
        raise TaxonomyError(
            f"{name}: the model knows none of the {len(listed)} names of the list, the first being "
            f"{listed[0].written!r}; expected scientific names such as 'Turdus merula', or English "
            "ones"
        )
    return SpeciesList(
        taxa=frozenset(taxa),
        genera_with_missing_species=frozenset(genera),
        unknown=tuple(dict.fromkeys(unknown)),
        ambiguous=tuple(dict.fromkeys(ambiguous)),
    )


def allowed_mask(
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
    for name in listed.taxa | listed.genera_with_missing_species:
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


def _find(
    listed: ListedName,
    taxonomy: Taxonomy,
    synonyms: Synonyms | None,
    english: EnglishNames,
    name: str,
) -> Taxon | None:
    """The taxon that an entry of a list means, by the first of its candidates that is known."""
    for candidate in listed.candidates:
        written = species_level_name(candidate, sp_is_genus=listed.sp_is_genus)
        words = written.split()
        for tried in (written, " ".join(words[:2])) if len(words) > 2 else (written,):
            found = resolve_name(tried, taxonomy, synonyms)
            if found.taxon is not None:
                return found.taxon
        named = english.find(written)
        if len(named) == 1:
            return named[0]
        if named and len(listed.candidates) == 1:
            both = " and of ".join(repr(taxon.name) for taxon in named)
            raise TaxonomyError(
                f"{name}: {listed.written!r} is the English name of {both}; write the scientific "
                "name of the one that is meant"
            )
    return None


def _names(text: str, name: str) -> Iterator[ListedName]:
    """The entries of a list, in its order."""
    if bar_chart := _BAR_CHART.search(text):
        yield from _bars(text[bar_chart.end() :])
        return
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    first = next((line for line in lines if line.strip()), "")
    header = [cell.strip('" ') for cell in _CELLS.split(first)]
    keys = set(map(column_key, header))
    if {"genus", "species"} <= keys or not keys.isdisjoint((*_NAME_COLUMNS, *_ENGLISH_COLUMNS)):
        yield from _rows(parse_csv(name, text, comments=True))
    elif Path(name).suffix.lower() in _TABLES and len(keys) > 1:
        raise _no_names(name, header)
    else:
        for line in lines:
            if ways := name_variants(_CELLS.split(line)[:2]):
                yield ListedName(ways)


def _bars(text: str) -> Iterator[ListedName]:
    """The names of eBird's bar charts, the scientific one between tags where there is one."""
    for line in text.splitlines():
        english = line.partition("\t")[0]
        scientific = _EMPHASIS.findall(english)
        names = [*scientific, english.partition(" (<em")[0]]
        if ways := tuple(each.strip() for each in names if tidy(each)):
            yield ListedName(ways, sp_is_genus=False)


def _rows(table: CsvTable) -> Iterator[ListedName]:
    """The names of a table."""
    column = next((key for key in _NAME_COLUMNS if key in table.keys), "")
    english = next((key for key in _ENGLISH_COLUMNS if key in table.keys), "")
    if not column and not english:  # cells stand between something else than it seemed
        raise _no_names(table.name, table.header)
    for _, row in table.rows:
        name, genus = tidy(row.get(column, "")), ""
        if column == "species" and (genus := tidy(row.get("genus", ""))):
            is_whole = taxon_key(name).startswith(f"{taxon_key(genus)} ")
            name = name if is_whole else tidy(f"{genus} {name}")
        if ways := tuple(each for each in (name, tidy(row.get(english, ""))) if each):
            yield ListedName(ways, row.get("category", ""), sp_is_genus=bool(genus))


def _no_names(name: str, header: Sequence[str]) -> TaxonomyError:
    return TaxonomyError(
        f"{name}: expected a column 'scientific_name' or 'common_name', or 'genus' and 'species', "
        f"got {', '.join(header[:20])[:_MAX_HEADER]}"
    )
