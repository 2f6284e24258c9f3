"""Read a list of the species of a place, and find the labels that it allows.

A list is a text file with one scientific or English name per line, or a table with a column of
names or with genus and species, such as a manifest. Supported are eBird's life list, bar charts and
``MyEBirdData.csv``, the lists of BirdNET and the exports of iNaturalist.
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
_EMPHASIZED = re.compile("<em[^<>]*>([^<>]*)</em>")
_MAX_HEADER_LENGTH = 500  # characters in a message
_CELLS = re.compile("[,;\t]")
_TABLE_SUFFIXES = frozenset({".csv", ".tsv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesList:
    """A species list in the names of a taxonomy.

    Attributes
    ----------
    taxa : frozenset of str
        Listed taxa, mostly species. A genus, also written ``Turdus sp.``, means all its species.
    genera_with_missing_species : frozenset of str
        Genera with a listed species that is missing in the taxonomy.
    unknown : tuple of str
        Listed names that are not in the taxonomy, in the order of the list.
    ambiguous : tuple of str
        Entries that are not one taxon: hybrids, two possible species, and unidentified birds.
    """

    taxa: frozenset[str]
    genera_with_missing_species: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()


def read_species_list(
    path: str | os.PathLike[str], taxonomy: Taxonomy, synonyms: Synonyms | None = None
) -> SpeciesList:
    """Read a species list and resolve its names.

    Parameters
    ----------
    path : path-like
        A text file with one name per line, where lines that begin with ``#`` are comments; or a
        CSV table with the column ``scientific_name`` or ``common_name``, or ``genus`` and
        ``species``. A name is scientific or, if the taxonomy has it, English. A subspecies
        or an English name may follow a scientific name, as in ``Turdus merula_Eurasian Blackbird``.
        Case does not count, nor do underscores in scientific names, nor hyphens and apostrophes in
        English ones.
    taxonomy : Taxonomy
        Taxonomy of the model.
    synonyms : Synonyms, optional

    Returns
    -------
    SpeciesList

    Raises
    ------
    TaxonomyError
        If the file cannot be read, is a table without a column of names, has no known name, or has
        an English name that two taxa share.
    """
    return parse_species_list(read_text(path), taxonomy, synonyms, name=Path(path).name)


def parse_species_list(
    text: str, taxonomy: Taxonomy, synonyms: Synonyms | None = None, *, name: str
) -> SpeciesList:
    """Parse a species list and resolve its names.

    Parameters
    ----------
    text : str
    taxonomy, synonyms
        As in `read_species_list`.
    name : str
        Name of the list in errors; with the extension of a table it must not be another table.

    Returns
    -------
    SpeciesList

    Raises
    ------
    TaxonomyError
        If it is a table without a column of names, has no known name, or has an English name that
        two taxa share.
    """
    listed = list(dict.fromkeys(_parse_names(text, name)))
    if not listed:
        raise TaxonomyError(
            f"{name}: the list is empty; expected at least one name such as 'Turdus merula'"
        )
    taxa: set[str] = set()
    genera_with_missing_species: set[str] = set()
    unknown, ambiguous = [], []
    english = EnglishNames(taxonomy.nodes)
    for each in listed:
        if not each.is_single_taxon:
            ambiguous.append(each.display_name)
            continue
        taxon = _find_taxon(each, taxonomy, synonyms, english, name)
        if taxon is not None:
            taxa.add(taxon.name)
            continue
        unknown.append(each.display_name)
        words = species_level_name(each.candidates[0]).split()
        if len(words) > 1 and words[0] in taxonomy and taxonomy.taxon(words[0]).rank == "genus":
            genera_with_missing_species.add(taxonomy.taxon(words[0]).name)
    if not taxa and not genera_with_missing_species:
        raise TaxonomyError(
            f"{name}: the model knows none of the {len(listed)} names of the list, the first being "
            f"{listed[0].display_name!r}; expected scientific names such as 'Turdus merula', "
            "or English ones"
        )
    return SpeciesList(
        taxa=frozenset(taxa),
        genera_with_missing_species=frozenset(genera_with_missing_species),
        unknown=tuple(dict.fromkeys(unknown)),
        ambiguous=tuple(dict.fromkeys(ambiguous)),
    )


def allowed_mask(
    listed: SpeciesList, taxonomy: Taxonomy, labels: Sequence[Label]
) -> npt.NDArray[np.bool_]:
    """Mask of the labels that are possible where only the listed taxa occur.

    These are the labels at or below a listed taxon. A listed species without a label allows the
    nearest label above it, since the label of a genus also means the species without a label.

    Parameters
    ----------
    listed : SpeciesList
        List in the names of this `taxonomy`.
    taxonomy : Taxonomy
    labels : sequence of Label, length n_labels
        Without the background.

    Returns
    -------
    bool, shape (n_labels,)

    Raises
    ------
    TaxonomyError
        If no label is allowed, or a label is not in the taxonomy.
    """
    index_of = {taxonomy.taxon(label.taxon).name: i for i, label in enumerate(labels)}
    paths = [[taxon.name for taxon in taxonomy.path(label.taxon)] for label in labels]
    allowed = np.array([not listed.taxa.isdisjoint(path) for path in paths], dtype=np.bool_)
    for name in listed.taxa | listed.genera_with_missing_species:
        above = (index_of.get(taxon.name) for taxon in reversed(taxonomy.path(name)))
        nearest = next((index for index in above if index is not None), None)
        if nearest is not None:
            allowed[nearest] = True
    if not allowed.any():
        raise TaxonomyError(
            f"none of the {len(labels)} labels of the model is of a taxon on the list; "
            "expected species that it learned, or their genera"
        )
    return allowed


def _find_taxon(
    listed: ListedName,
    taxonomy: Taxonomy,
    synonyms: Synonyms | None,
    english: EnglishNames,
    name: str,
) -> Taxon | None:
    """The taxon of the first candidate name that is known."""
    for candidate in listed.candidates:
        species_name = species_level_name(candidate, sp_is_genus=listed.sp_is_genus)
        words = species_name.split()
        for candidate_name in (
            (species_name, " ".join(words[:2])) if len(words) > 2 else (species_name,)
        ):
            resolved = resolve_name(candidate_name, taxonomy, synonyms)
            if resolved.taxon is not None:
                return resolved.taxon
        matches = english.find(species_name)
        if len(matches) == 1:
            return matches[0]
        if matches and len(listed.candidates) == 1:
            taxa = " and of ".join(repr(taxon.name) for taxon in matches)
            raise TaxonomyError(
                f"{name}: {listed.display_name!r} is the English name of {taxa}; "
                "write the scientific name of the intended one"
            )
    return None


def _parse_names(text: str, name: str) -> Iterator[ListedName]:
    """Yield the entries of a list, in order."""
    if bar_chart := _BAR_CHART.search(text):
        yield from _parse_bar_chart(text[bar_chart.end() :])
        return
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    first = next((line for line in lines if line.strip()), "")
    header = [cell.strip('" ') for cell in _CELLS.split(first)]
    keys = set(map(column_key, header))
    if {"genus", "species"} <= keys or not keys.isdisjoint((*_NAME_COLUMNS, *_ENGLISH_COLUMNS)):
        yield from _parse_table(parse_csv(name, text, comments=True))
    elif Path(name).suffix.lower() in _TABLE_SUFFIXES and len(keys) > 1:
        raise _no_name_column(name, header)
    else:
        for line in lines:
            if variants := name_variants(_CELLS.split(line)[:2]):
                yield ListedName(variants)


def _parse_bar_chart(text: str) -> Iterator[ListedName]:
    """Yield the names of an eBird bar chart; a scientific name is between tags."""
    for line in text.splitlines():
        english = line.partition("\t")[0]
        scientific = _EMPHASIZED.findall(english)
        names = [*scientific, english.partition(" (<em")[0]]
        if variants := tuple(each.strip() for each in names if tidy(each)):
            yield ListedName(variants, sp_is_genus=False)


def _parse_table(table: CsvTable) -> Iterator[ListedName]:
    """Yield the names of a table."""
    column = next((key for key in _NAME_COLUMNS if key in table.keys), "")
    english = next((key for key in _ENGLISH_COLUMNS if key in table.keys), "")
    if not column and not english:  # the table has another separator than its header suggested
        raise _no_name_column(table.name, table.header)
    for _, row in table.rows:
        name, genus = tidy(row.get(column, "")), ""
        if column == "species" and (genus := tidy(row.get("genus", ""))):
            is_whole = taxon_key(name).startswith(f"{taxon_key(genus)} ")
            name = name if is_whole else tidy(f"{genus} {name}")
        if variants := tuple(each for each in (name, tidy(row.get(english, ""))) if each):
            yield ListedName(variants, row.get("category", ""), sp_is_genus=bool(genus))


def _no_name_column(name: str, header: Sequence[str]) -> TaxonomyError:
    return TaxonomyError(
        f"{name}: expected a column 'scientific_name' or 'common_name', or 'genus' and 'species', "
        f"got {', '.join(header[:20])[:_MAX_HEADER_LENGTH]}"
    )
