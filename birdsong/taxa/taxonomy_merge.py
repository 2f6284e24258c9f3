"""Merge lineages into one tree: find the parent of each taxon.

Each row has names at some of the ranks. Other rows fill its empty ranks. An error about a
contradiction names both rows.
"""

from collections.abc import Iterable

from birdsong.errors import TaxonomyError
from birdsong.taxa.lineage import DEPTH, RANKS, ROOT, Lineage, Taxon, taxon_key, tidy


def merge_lineages(
    lineages: Iterable[Lineage], places: Iterable[str] | None = None
) -> dict[Taxon, Taxon]:
    """Find the parent of each taxon except Aves.

    An empty rank is filled from other rows. If no row knows it, the parent is the taxon at the next
    higher rank. The first of several English names counts.

    Parameters
    ----------
    lineages : iterable of Lineage
    places : iterable of str, optional
        Source of each lineage, such as ``row 17``, for messages.

    Returns
    -------
    dict of Taxon to Taxon

    Raises
    ------
    TaxonomyError
        If a taxon has two parents of one rank, or a name is used at two ranks.
    """
    taxa = {taxon_key(ROOT.name): ROOT}
    first_place_of = {taxon_key(ROOT.name): ""}
    # For each taxon its known ancestor at each higher rank, and the source of that.
    ancestors_of: dict[str, dict[str, tuple[str, str]]] = {}

    def record_ancestor(key: str, rank: str, ancestor: str, place: str) -> None:
        known, first_place = ancestors_of[key].setdefault(rank, (ancestor, place))
        if known != ancestor:
            raise TaxonomyError(
                f"the {taxa[key].rank} {taxa[key].name!r} stands in two places: in the {rank} "
                f"{taxa[known].name!r}{_in_brackets(first_place)} and in the {rank} "
                f"{taxa[ancestor].name!r}{_in_brackets(place)}"
            )

    for lineage, place in _first_places(lineages, places).items():
        ancestors: dict[str, str] = {}
        for rank in RANKS[1:]:
            name = tidy(getattr(lineage, rank))
            if not name:
                continue
            key = name.casefold()
            taxon = Taxon(rank, name, lineage.english_name if rank == "species" else "")
            known = taxa.setdefault(key, taxon)
            first_place_of.setdefault(key, place)
            if known.rank != rank:
                raise duplicate_name_error(known, taxon, first_place_of[key], place)
            if not known.english_name:
                taxa[key] = Taxon(rank, known.name, taxon.english_name)
            ancestors_of.setdefault(key, {})
            for higher_rank, ancestor in ancestors.items():
                record_ancestor(key, higher_rank, ancestor, place)
            ancestors[rank] = key

    # From the lowest rank up: the other ancestors of a taxon are ancestors of its parent.
    parent_of: dict[Taxon, Taxon] = {}
    for rank in reversed(RANKS[1:]):
        for key in [key for key in ancestors_of if taxa[key].rank == rank]:
            parent_rank = max(ancestors_of[key], key=DEPTH.__getitem__, default=None)
            if parent_rank is None:
                parent_of[taxa[key]] = ROOT
                continue
            parent, _ = ancestors_of[key][parent_rank]
            parent_of[taxa[key]] = taxa[parent]
            for higher_rank, (ancestor, place) in ancestors_of[key].items():
                if higher_rank != parent_rank:
                    record_ancestor(parent, higher_rank, ancestor, place)
    return parent_of


def duplicate_name_error(
    first: Taxon, second: Taxon, first_place: str = "", second_place: str = ""
) -> TaxonomyError:
    """Build the error for a name that is used at two ranks."""
    return TaxonomyError(
        f"the name {first.name!r} is used twice: for a {first.rank}{_in_brackets(first_place)} "
        f"and for a {second.rank}{_in_brackets(second_place)}"
    )


def _first_places(lineages: Iterable[Lineage], places: Iterable[str] | None) -> dict[Lineage, str]:
    """The source of each distinct lineage, the first one if there are several."""
    if places is None:
        return dict.fromkeys(lineages, "")
    first: dict[Lineage, str] = {}
    for lineage, place in zip(lineages, places, strict=True):
        first.setdefault(lineage, place)
    return first


def _in_brackets(place: str) -> str:
    return f" ({place})" if place else ""
