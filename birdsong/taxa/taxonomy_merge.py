"""What many rows agree on: which taxon each taxon stands under.

A row names a bird at some of the ranks. What one row leaves empty another may know, and where two
rows contradict each other, both are named.
"""

from collections.abc import Iterable

from birdsong.errors import TaxonomyError
from birdsong.taxa.lineage import DEPTH, RANKS, ROOT, Lineage, Taxon, taxon_key, tidy


def merge_lineages(
    lineages: Iterable[Lineage], places: Iterable[str] | None = None
) -> dict[Taxon, Taxon]:
    """Find the taxon above each taxon but Aves.

    A rank that one row leaves empty is filled from the others; one that no row knows is skipped,
    and the taxon hangs under the next rank above. Of several English names the first counts.

    Parameters
    ----------
    lineages : iterable of Lineage
    places : iterable of str, optional
        Where each lineage stands, such as ``row 17``, for messages.

    Returns
    -------
    dict of Taxon to Taxon

    Raises
    ------
    TaxonomyError
        If two rows put a taxon in two places, or a name is used at two ranks.
    """
    taxa = {taxon_key(ROOT.name): ROOT}
    named_at = {taxon_key(ROOT.name): ""}
    # Of each taxon the known taxon at each higher rank, and where that is said.
    above: dict[str, dict[str, tuple[str, str]]] = {}

    def learn(key: str, rank: str, ancestor: str, place: str) -> None:
        known, first_place = above[key].setdefault(rank, (ancestor, place))
        if known != ancestor:
            raise TaxonomyError(
                f"the {taxa[key].rank} {taxa[key].name!r} stands in two places: in the {rank} "
                f"{taxa[known].name!r}{_at(first_place)} and in the {rank} "
                f"{taxa[ancestor].name!r}{_at(place)}"
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
            named_at.setdefault(key, place)
            if known.rank != rank:
                raise duplicate_name_error(known, taxon, named_at[key], place)
            if not known.english_name:
                taxa[key] = Taxon(rank, known.name, taxon.english_name)
            above.setdefault(key, {})
            for higher_rank, ancestor in ancestors.items():
                learn(key, higher_rank, ancestor, place)
            ancestors[rank] = key

    # From the bottom up, what is known above a taxon holds for its parent as well.
    parent_of: dict[Taxon, Taxon] = {}
    for rank in reversed(RANKS[1:]):
        for key in [key for key in above if taxa[key].rank == rank]:
            parent_rank = max(above[key], key=DEPTH.__getitem__, default=None)
            if parent_rank is None:
                parent_of[taxa[key]] = ROOT
                continue
            parent, _ = above[key][parent_rank]
            parent_of[taxa[key]] = taxa[parent]
            for higher_rank, (ancestor, place) in above[key].items():
                if higher_rank != parent_rank:
                    learn(parent, higher_rank, ancestor, place)
    return parent_of


def duplicate_name_error(
    first: Taxon, second: Taxon, first_place: str = "", second_place: str = ""
) -> TaxonomyError:
    """Say that a name is used at two ranks."""
    return TaxonomyError(
        f"the name {first.name!r} is used twice: for a {first.rank}{_at(first_place)} and for a "
        f"{second.rank}{_at(second_place)}"
    )


def _first_places(lineages: Iterable[Lineage], places: Iterable[str] | None) -> dict[Lineage, str]:
    """Each distinct lineage once, and where it first stands."""
    if places is None:
        return dict.fromkeys(lineages, "")
    first: dict[Lineage, str] = {}
    for lineage, place in zip(lineages, places, strict=True):
        first.setdefault(lineage, place)
    return first


def _at(place: str) -> str:
    return f" ({place})" if place else ""
