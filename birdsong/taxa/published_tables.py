"""Read the taxonomy of all birds from a published table: AviList, eBird, Clements or IOC.

The header determines the format. Only the species and their higher taxa are read. Subspecies,
groups, hybrids, slashes ("Larus argentatus/fuscus") and spuhs ("Larus sp.") are skipped.

References
----------
.. [1] AviList Core Team (2025), AviList: The Global Avian Checklist, doi 10.2173/avilist.v2025.
.. [2] Clements, J. F., and others, The eBird/Clements checklist of birds of the world.
.. [3] Gill, F., D. Donsker & P. Rasmussen (eds), IOC World Bird List.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from birdsong.errors import TaxonomyError
from birdsong.taxa.csv_rows import CsvTable, column_key, read_csv
from birdsong.taxa.lineage import Lineage, tidy
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True, kw_only=True)
class _TableFormat:
    """A table format and its columns, as the publisher writes them.

    Attributes
    ----------
    name : str
    species : str
        Column of the binomial, or of the epithet if there is a column of the `genus`.
    order, family, genus : str
        Empty if the table has no such column.
    english : tuple of str
        Possible columns of the English name; the first existing one counts.
    rank : str
        Column of the rank; without one every row is a species.
    as_outline : bool
        Whether an order, a family or a genus is written once, for all rows below it.
    """

    name: str
    species: str
    order: str = ""
    family: str = ""
    genus: str = ""
    english: tuple[str, ...] = ("English name",)
    rank: str = ""
    as_outline: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that identify the format."""
        columns = (self.rank, self.order, self.family, self.genus, self.species)
        return tuple(column for column in columns if column)


_IOC_NAMES = "IOC_15.1"  # of any version
_TABLE_FORMATS = (
    _TableFormat(
        name="AviList", rank="Taxon_rank", order="Order", family="Family",
        species="Scientific_name", english=("English_name_AviList",),
    ),
    _TableFormat(
        name="Clements", rank="category", order="order", family="family",
        species="scientific name",
    ),
    _TableFormat(
        name="eBird", rank="CATEGORY", order="ORDER", family="FAMILY",
        species="SCI_NAME", english=("PRIMARY_COM_NAME",),
    ),
    _TableFormat(
        name="eBird to 2023", rank="CATEGORY", order="ORDER1", family="FAMILY",
        species="SCI_NAME", english=("PRIMARY_COM_NAME",),
    ),
    _TableFormat(
        name="eBird's service", rank="CATEGORY", order="ORDER", family="FAMILY_SCI_NAME",
        species="SCIENTIFIC_NAME", english=("COMMON_NAME",),
    ),
    _TableFormat(
        name="IOC master list", order="Order", family="Family (Scientific)", genus="Genus",
        species="Species (Scientific)", english=("Species (English)",), as_outline=True,
    ),
    _TableFormat(name="IOC names file", rank="Rank", species="Scientific Name", as_outline=True),
    _TableFormat(
        name="IOC multilingual", order="Order", family="Family", species=_IOC_NAMES,
        english=("English", "English name"), as_outline=True,
    ),
    _TableFormat(name="one of your own", order="order", family="family", species="scientific_name"),
)  # fmt: skip

_HIGHER_RANKS = ("order", "family", "genus")
_SKIPPED_RANKS = frozenset(
    {
        *("class", "infraclass", "parvclass", "superorder", "order", "suborder", "superfamily"),
        *("family", "subfamily", "tribe", "genus", "subgenus", "subspecies", "ssp", "issf", "form"),
        *("domestic", "hybrid", "intergrade", "slash", "spuh", "taxon", "blank"),
    }
)
_UNPLACED = "Incertae sedis"
_NOT_ONE_SPECIES = re.compile(r"[/\u00d7\[(]| x |\bspp?\.?$")
_BINOMIAL = re.compile(r"[^\W\d_]+(-[^\W\d_]+)* [^\W\d_]{2,}(-[^\W\d_]+)*")


def read_taxonomy(path: str | os.PathLike[str]) -> Taxonomy:
    """Read a taxonomy from a published table.

    Parameters
    ----------
    path : path-like
        CSV in UTF-8, with or without a byte-order mark, or in Latin-1 as in old tables.

    Returns
    -------
    Taxonomy

    Raises
    ------
    TaxonomyError
        If the file cannot be read or has an unknown format, a row has an unknown rank or lacks a
        name, or two rows contradict each other; the message names the rows.
    """
    table = read_csv(path)
    numbered = list(_parse_lineages(table, _detect_format(table)))
    if not numbered:
        raise TaxonomyError(f"{table.name}: expected at least one species, got none")
    numbers, lineages = zip(*numbered, strict=True)
    try:
        return Taxonomy.from_lineages(lineages, (f"row {number}" for number in numbers))
    except TaxonomyError as error:
        raise TaxonomyError(f"{table.name}: {error}") from error


def _detect_format(table: CsvTable) -> _TableFormat:
    """The first format whose columns all exist."""
    keys = {_format_key(column) for column in table.header}
    for table_format in _TABLE_FORMATS:
        if keys.issuperset(map(_format_key, table_format.required)):
            return table_format
    known = "; ".join(
        f"{', '.join(table_format.required)} ({table_format.name})"
        for table_format in _TABLE_FORMATS
    )
    raise TaxonomyError(
        f"{table.name}: the header is not that of a known table of birds; expected the columns "
        f"{known}; got {', '.join(table.header[:20])}"
    )


def _format_key(column: str) -> str:
    """The key of a column, without the version in the name column of IOC."""
    return re.sub(r"^ioc \d+(\.\d+)*$", "ioc", column_key(column))


def _parse_lineages(table: CsvTable, table_format: _TableFormat) -> Iterator[tuple[int, Lineage]]:
    """Yield the lineage of each species with the number of its row."""
    column_of = {_format_key(column): column_key(column) for column in reversed(table.header)}

    def column(name: str) -> str:
        return column_of.get(_format_key(name), "")

    english = next((column(name) for name in table_format.english if column(name)), "")
    names = dict.fromkeys(_HIGHER_RANKS, "")
    for number, row in table.rows:
        where = f"{table.name}, row {number}"
        name = row.get(column(table_format.species), "")
        rank = (
            _parse_rank(row[column(table_format.rank)], name, table_format, where)
            if table_format.rank
            else "species"
        )
        row_names = {
            rank_name: _parse_taxon(row.get(column(getattr(table_format, rank_name)), ""))
            for rank_name in _HIGHER_RANKS
        }
        if table_format.as_outline and rank in _HIGHER_RANKS:
            if not name.split():
                raise TaxonomyError(f"{where}: the name of the {rank} is empty")
            row_names[rank] = _parse_taxon(
                name.split()[-1]
            )  # the last word of "ORDER STRUTHIONIFORMES"
        names = _inherit(names, row_names) if table_format.as_outline else row_names
        if rank != "species" or not name:
            continue
        if table_format.genus:
            name = f"{names['genus']} {name}"
        species = _parse_species(name, row, where, allow_other=not table_format.rank)
        if not species:
            continue
        if not (names["order"] and names["family"]):
            raise TaxonomyError(f"{where}: the order or the family of {species!r} is empty")
        order, family = (
            names[rank_name].replace(_UNPLACED, "") for rank_name in ("order", "family")
        )
        yield (
            number,
            Lineage(
                order=order,
                family=family,
                genus=species.split()[0],
                species=species,
                english_name=tidy(row.get(english, "")),
            ),
        )


def _inherit(names: dict[str, str], row_names: dict[str, str]) -> dict[str, str]:
    """Higher taxa of a row in an outline: its own names, else those of the rows before it."""
    changed = [
        i for i, rank in enumerate(_HIGHER_RANKS) if row_names[rank] not in ("", names[rank])
    ]
    inherited = _HIGHER_RANKS[: changed[0]] if changed else _HIGHER_RANKS
    return {
        rank: row_names[rank] or (names[rank] if rank in inherited else "")
        for rank in _HIGHER_RANKS
    }


def _parse_taxon(cell: str) -> str:
    """Parse the name of an order, a family or a genus.

    ``TURDIDAE`` and ``Turdidae (Thrushes and Allies)`` become ``Turdidae``; marks of extinct taxa
    are removed.
    """
    name = tidy(_without_marks(cell).partition("(")[0])
    return name.capitalize() if name.isupper() or name.casefold() == _UNPLACED.casefold() else name


def _parse_species(name: str, row: dict[str, str], where: str, *, allow_other: bool) -> str:
    """Parse a binomial; empty for other entries, if the table has no column of the rank."""
    name = tidy(_without_marks(name))
    if allow_other and (_NOT_ONE_SPECIES.search(name) or len(name.split()) == 3):
        return ""
    if not _BINOMIAL.fullmatch(name):
        raise TaxonomyError(
            f"{where}: expected the name of a species such as 'Turdus merula', got {name!r}"
        )
    genus, epithet = name.split()
    genus, stated_genus = genus.capitalize(), _parse_taxon(row.get("genus", ""))
    if stated_genus and stated_genus.capitalize() != genus:
        raise TaxonomyError(
            f"{where}: the species '{genus} {epithet.lower()}' stands in two genera, its own and "
            f"{stated_genus!r}"
        )
    return f"{genus} {epithet.lower()}"


def _parse_rank(cell: str, name: str, table_format: _TableFormat, where: str) -> str:
    """Parse the rank of a row, in lower case; empty if it has neither a rank nor a name."""
    rank = tidy(cell).casefold()
    known = rank == "species" or rank in _SKIPPED_RANKS or rank.startswith("group")
    if not known and (rank or name):
        raise TaxonomyError(
            f"{where}: {table_format.rank!r} must be a rank such as 'species', 'subspecies' or "
            f"'hybrid', got {cell!r}"
        )
    return rank


def _without_marks(cell: str) -> str:
    return cell.replace("†", " ").replace("*", " ")
