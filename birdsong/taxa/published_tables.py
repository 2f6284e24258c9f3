"""The tree of all birds from a published table: AviList, eBird, Clements or IOC, given by path.

A table is recognised by its header. Only its species are taken, with what stands above them:
subspecies, groups, hybrids, slashes ("Larus argentatus/fuscus") and spuhs ("Larus sp.") are left
out.

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
class _Form:
    """A kind of table, and the columns that hold what is needed, as its publisher writes them.

    Attributes
    ----------
    name : str
    species : str
        Column of the binomial, or of the epithet where there is one for the `genus`.
    order, family, genus : str
        Empty where the table has no such column.
    english : tuple of str
        Columns of the English name, of which the first that is there counts.
    rank : str
        Column that says what a row is; without one every row is a species.
    as_outline : bool
        Whether an order, a family or a genus is written once and holds for the rows under it.
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
        """The columns that it is recognised by."""
        columns = (self.rank, self.order, self.family, self.genus, self.species)
        return tuple(column for column in columns if column)


_IOC_NAMES = "IOC_15.1"  # whatever the version
_FORMS = (
    _Form(
        name="AviList", rank="Taxon_rank", order="Order", family="Family",
        species="Scientific_name", english=("English_name_AviList",),
    ),
    _Form(
        name="Clements", rank="category", order="order", family="family",
        species="scientific name",
    ),
    _Form(
        name="eBird", rank="CATEGORY", order="ORDER", family="FAMILY",
        species="SCI_NAME", english=("PRIMARY_COM_NAME",),
    ),
    _Form(
        name="eBird to 2023", rank="CATEGORY", order="ORDER1", family="FAMILY",
        species="SCI_NAME", english=("PRIMARY_COM_NAME",),
    ),
    _Form(
        name="eBird's service", rank="CATEGORY", order="ORDER", family="FAMILY_SCI_NAME",
        species="SCIENTIFIC_NAME", english=("COMMON_NAME",),
    ),
    _Form(
        name="IOC master list", order="Order", family="Family (Scientific)", genus="Genus",
        species="Species (Scientific)", english=("Species (English)",), as_outline=True,
    ),
    _Form(name="IOC names file", rank="Rank", species="Scientific Name", as_outline=True),
    _Form(
        name="IOC multilingual", order="Order", family="Family", species=_IOC_NAMES,
        english=("English", "English name"), as_outline=True,
    ),
    _Form(name="one of your own", order="order", family="family", species="scientific_name"),
)  # fmt: skip

_ABOVE = ("order", "family", "genus")
_LEFT_OUT = frozenset(
    {
        *("class", "infraclass", "parvclass", "superorder", "order", "suborder", "superfamily"),
        *("family", "subfamily", "tribe", "genus", "subgenus", "subspecies", "ssp", "issf", "form"),
        *("domestic", "hybrid", "intergrade", "slash", "spuh", "taxon", "blank"),
    }
)
_UNPLACED = "Incertae sedis"
_NO_SPECIES = re.compile(r"[/\u00d7\[(]| x |\bspp?\.?$")
_BINOMIAL = re.compile(r"[^\W\d_]+(-[^\W\d_]+)* [^\W\d_]{2,}(-[^\W\d_]+)*")


def read_taxonomy(path: str | os.PathLike[str]) -> Taxonomy:
    """Read the tree of a published table.

    Parameters
    ----------
    path : path-like
        CSV in UTF-8, with or without a byte-order mark, or in Latin-1, as old ones are.

    Returns
    -------
    Taxonomy

    Raises
    ------
    TaxonomyError
        If the file cannot be read, its header is that of no known table, a row has an unknown rank
        or lacks a name, or two rows contradict each other; the message names the rows.
    """
    table = read_csv(path)
    numbered = list(_lineages(table, _recognised(table)))
    if not numbered:
        raise TaxonomyError(f"{table.name}: expected at least one species, got none")
    numbers, lineages = zip(*numbered, strict=True)
    try:
        return Taxonomy.from_lineages(lineages, (f"row {number}" for number in numbers))
    except TaxonomyError as error:
        raise TaxonomyError(f"{table.name}: {error}") from error


def _recognised(table: CsvTable) -> _Form:
    """The first form whose columns are all there."""
    keys = {_key(column) for column in table.header}
    for form in _FORMS:
        if keys.issuperset(map(_key, form.required)):
            return form
    known = "; ".join(f"{', '.join(form.required)} ({form.name})" for form in _FORMS)
    raise TaxonomyError(
        f"{table.name}: its header is that of no known table of birds; expected the columns "
        f"{known}; got {', '.join(table.header[:20])}"
    )


def _key(column: str) -> str:
    """The key of a column; that of IOC's names bears a version."""
    return re.sub(r"^ioc \d+(\.\d+)*$", "ioc", column_key(column))


def _lineages(table: CsvTable, form: _Form) -> Iterator[tuple[int, Lineage]]:
    """The species of a table, each with the number of its row."""
    column_of = {_key(column): column_key(column) for column in reversed(table.header)}

    def column(name: str) -> str:
        return column_of.get(_key(name), "")

    english = next((column(name) for name in form.english if column(name)), "")
    above = dict.fromkeys(_ABOVE, "")
    for number, row in table.rows:
        where = f"{table.name}, row {number}"
        name = row.get(column(form.species), "")
        rank = _rank(row[column(form.rank)], name, form, where) if form.rank else "species"
        stated = {each: _taxon(row.get(column(getattr(form, each)), "")) for each in _ABOVE}
        if form.as_outline and rank in _ABOVE:
            if not name.split():
                raise TaxonomyError(f"{where}: the name of the {rank} is empty")
            stated[rank] = _taxon(name.split()[-1])  # of "ORDER STRUTHIONIFORMES" the last word
        above = _descended(above, stated) if form.as_outline else stated
        if rank != "species" or not name:
            continue
        if form.genus:
            name = f"{above['genus']} {name}"
        species = _species(name, row, where, may_be_other=not form.rank)
        if not species:
            continue
        if not (above["order"] and above["family"]):
            raise TaxonomyError(f"{where}: the order or the family of {species!r} is empty")
        order, family = (above[each].replace(_UNPLACED, "") for each in ("order", "family"))
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


def _descended(above: dict[str, str], stated: dict[str, str]) -> dict[str, str]:
    """What stands above a row of an outline: what it states, else what the rows before it did."""
    changed = [i for i, rank in enumerate(_ABOVE) if stated[rank] not in ("", above[rank])]
    kept = _ABOVE[: changed[0]] if changed else _ABOVE
    return {rank: stated[rank] or (above[rank] if rank in kept else "") for rank in _ABOVE}


def _taxon(cell: str) -> str:
    """The name of an order, a family or a genus.

    ``TURDIDAE`` and ``Turdidae (Thrushes and Allies)`` are ``Turdidae``; the marks of what is
    extinct are left out.
    """
    name = tidy(_unmarked(cell).partition("(")[0])
    return name.capitalize() if name.isupper() or name.casefold() == _UNPLACED.casefold() else name


def _species(name: str, row: dict[str, str], where: str, *, may_be_other: bool) -> str:
    """The binomial; empty for what is no species, where a table does not say what its rows are."""
    name = tidy(_unmarked(name))
    if may_be_other and (_NO_SPECIES.search(name) or len(name.split()) == 3):
        return ""
    if not _BINOMIAL.fullmatch(name):
        raise TaxonomyError(
            f"{where}: expected the name of a species such as 'Turdus merula', got {name!r}"
        )
    genus, epithet = name.split()
    genus, stated = genus.capitalize(), _taxon(row.get("genus", ""))
    if stated and stated.capitalize() != genus:
        raise TaxonomyError(
            f"{where}: the species '{genus} {epithet.lower()}' stands in two genera, its own and "
            f"{stated!r}"
        )
    return f"{genus} {epithet.lower()}"


def _rank(cell: str, name: str, form: _Form, where: str) -> str:
    """The rank that a row states, in lower case; empty for what is neither named nor ranked."""
    rank = tidy(cell).casefold()
    known = rank == "species" or rank in _LEFT_OUT or rank.startswith("group")
    if not known and (rank or name):
        raise TaxonomyError(
            f"{where}: {form.rank!r} must be a rank such as 'species', 'subspecies' or 'hybrid', "
            f"got {cell!r}"
        )
    return rank


def _unmarked(cell: str) -> str:
    return cell.replace("†", " ").replace("*", " ")
