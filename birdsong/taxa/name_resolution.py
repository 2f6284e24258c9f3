"""What a name stands for in a tree: as it is, or by way of what the species is called elsewhere."""

from dataclasses import dataclass, replace

from birdsong.taxa.lineage import RANKS, Lineage, Taxon, taxon_key, tidy
from birdsong.taxa.synonyms import Synonyms
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class ResolvedName:
    """What became of a name.

    Attributes
    ----------
    name : str
        As it was given, with single spaces for underscores.
    taxon : Taxon or None
        What it stands for.
    problem : str
        One sentence where there is no taxon; empty otherwise.
    """

    name: str
    taxon: Taxon | None
    problem: str = ""


def resolve_name(name: str, taxonomy: Taxonomy, synonyms: Synonyms | None = None) -> ResolvedName:
    """Find the taxon of a tree that a name means.

    A name of the tree means itself, whatever the synonyms say. Else an old name means what it
    became, and a name of today means the one old name of it that the tree knows.

    Parameters
    ----------
    name : str
        Of a species, or of a taxon of any rank.
    taxonomy : Taxonomy
    synonyms : Synonyms, optional

    Returns
    -------
    Resolution
    """
    tried = [tidy(name)]
    synonym = None if synonyms is None else synonyms.find(name)
    if synonyms is not None:
        tried += synonyms.successors(name)
    for each in tried:
        if each in taxonomy:
            return ResolvedName(tried[0], taxonomy.taxon(each))
    problem = f"{tried[0]!r} is not among the taxa"
    if synonym is not None and not synonym.new:
        problem = synonym.doubt
    elif synonyms is not None and synonym is None:
        # Of an old name the siblings that became the same are other birds: only a name of today.
        former = [each for each in synonyms.former_names(name) if each in taxonomy]
        if len(former) == 1:
            return ResolvedName(tried[0], taxonomy.taxon(former[0]))
        if former:
            problem = f"{tried[0]!r} may be any of {', '.join(map(repr, former))} here"
    return ResolvedName(tried[0], None, problem)


@dataclass(frozen=True, slots=True)
class ResolvedLineage:
    """A lineage in the names of a tree.

    Attributes
    ----------
    lineage : Lineage
    original : str
        The species, or the genus where no species was known, as it was called; empty where the
        tree calls it the same.
    problem : str
        One sentence where the tree does not hold it; empty otherwise.
    """

    lineage: Lineage
    original: str = ""
    problem: str = ""


def resolve_lineage(
    taxonomy: Taxonomy, lineage: Lineage, synonyms: Synonyms | None = None
) -> ResolvedLineage:
    """Put a lineage into the names of a tree.

    Where the tree holds the species, or what else the bird is known to be, all that it says of it
    replaces what the lineage says. Otherwise the lineage keeps its names, below the lowest of them
    that the tree holds; so the result never contradicts the tree.

    Parameters
    ----------
    taxonomy : Taxonomy
    lineage : Lineage
        With one name, at least.
    synonyms : Synonyms, optional

    Returns
    -------
    Named
    """
    if lineage.rank == "genus":
        found = _resolve_genus(lineage.genus, taxonomy, synonyms)
    else:
        found = resolve_name(lineage.taxon, taxonomy, synonyms)
    if found.taxon is None or found.taxon.rank != lineage.rank:
        problem = found.problem or f"{found.name!r} is a {found.taxon and found.taxon.rank}"
        return ResolvedLineage(
            replace(lineage, **_above_lowest(taxonomy, lineage)), problem=problem
        )
    is_same = taxon_key(found.taxon.name) == taxon_key(found.name)
    named = _known(taxonomy, found.taxon.name)
    english_name = named.english_name or (lineage.english_name if is_same else "")
    return ResolvedLineage(replace(named, english_name=english_name), "" if is_same else found.name)


def complete_lineage(taxonomy: Taxonomy, lineage: Lineage) -> Lineage:
    """Fill the ranks that a lineage leaves empty with what a tree holds above its lowest name."""
    known = _above_lowest(taxonomy, lineage)
    return replace(lineage, **{rank: n for rank, n in known.items() if not getattr(lineage, rank)})


def _resolve_genus(name: str, taxonomy: Taxonomy, synonyms: Synonyms | None) -> ResolvedName:
    """A genus that is gone means the one that its species went to, where that is only one."""
    found = resolve_name(name, taxonomy)
    if found.taxon is not None or synonyms is None:
        return found
    went_to = synonyms.genus_successors(name)
    if len(went_to) == 1 and went_to[0] in taxonomy:
        return ResolvedName(found.name, taxonomy.taxon(went_to[0]))
    if len(went_to) > 1:
        problem = f"the species of {found.name!r} went to {', '.join(map(repr, went_to))}"
        return replace(found, problem=problem)
    return found


def _known(taxonomy: Taxonomy, name: str) -> Lineage:
    """All that a tree holds of a taxon."""
    path = taxonomy.path(name)
    names = {taxon.rank: taxon.name for taxon in path[1:]}
    return Lineage(**names, english_name=path[-1].english_name if "species" in names else "")


def _above_lowest(taxonomy: Taxonomy, lineage: Lineage) -> dict[str, str]:
    """Name by rank, of the lowest taxon of a lineage that a tree holds and of those above it."""
    for rank in reversed(RANKS[1:]):
        name = getattr(lineage, rank)
        if name in taxonomy and taxonomy.taxon(name).rank == rank:
            return {taxon.rank: taxon.name for taxon in taxonomy.path(name)[1:]}
    return {}
