"""Resolve names of taxa in a taxonomy, directly or through synonyms."""

from dataclasses import dataclass, replace

from birdsong.taxa.lineage import RANKS, Lineage, Taxon, taxon_key, tidy
from birdsong.taxa.synonyms import Synonyms
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class ResolvedName:
    """Result of resolving a name.

    Attributes
    ----------
    name : str
        The given name, with spaces for underscores.
    taxon : Taxon or None
        The taxon, or None if the name is unknown or ambiguous.
    problem : str
        Why there is no taxon, in one sentence; empty otherwise.
    """

    name: str
    taxon: Taxon | None
    problem: str = ""


def resolve_name(name: str, taxonomy: Taxonomy, synonyms: Synonyms | None = None) -> ResolvedName:
    """Find the taxon of a name.

    A name in the taxonomy is its own taxon, whatever the synonyms say. Otherwise an old name
    resolves to its successor, and a current name to its old name if the taxonomy has exactly one of
    them.

    Parameters
    ----------
    name : str
        Name of a species or of a taxon of another rank.
    taxonomy : Taxonomy
    synonyms : Synonyms, optional

    Returns
    -------
    ResolvedName
    """
    candidates = [tidy(name)]
    synonym = None if synonyms is None else synonyms.find(name)
    if synonyms is not None:
        candidates += synonyms.successors(name)
    for each in candidates:
        if each in taxonomy:
            return ResolvedName(candidates[0], taxonomy.taxon(each))
    problem = f"{candidates[0]!r} is not among the taxa"
    if synonym is not None and not synonym.new:
        problem = synonym.ambiguity
    elif synonyms is not None and synonym is None:
        # Only for a current name: other old names with the same successor are other birds.
        former_names = [each for each in synonyms.former_names(name) if each in taxonomy]
        if len(former_names) == 1:
            return ResolvedName(candidates[0], taxonomy.taxon(former_names[0]))
        if former_names:
            problem = f"{candidates[0]!r} may be any of {', '.join(map(repr, former_names))} here"
    return ResolvedName(candidates[0], None, problem)


@dataclass(frozen=True, slots=True)
class ResolvedLineage:
    """A lineage in the names of a taxonomy.

    Attributes
    ----------
    lineage : Lineage
    original : str
        Previous name of the species, or of the genus if no species is known; empty if the name
        is unchanged.
    problem : str
        Why the taxonomy does not have it, in one sentence; empty otherwise.
    """

    lineage: Lineage
    original: str = ""
    problem: str = ""


def resolve_lineage(
    taxonomy: Taxonomy, lineage: Lineage, synonyms: Synonyms | None = None
) -> ResolvedLineage:
    """Translate a lineage to the names of a taxonomy.

    If the taxonomy has the most specific taxon of the lineage, its lineage replaces the given one.
    Otherwise the names above the lowest known taxon are replaced and the others stay. So the result
    never contradicts the taxonomy.

    Parameters
    ----------
    taxonomy : Taxonomy
    lineage : Lineage
        Lineage with at least one name.
    synonyms : Synonyms, optional

    Returns
    -------
    ResolvedLineage
    """
    if lineage.rank == "genus":
        resolved = _resolve_genus(lineage.genus, taxonomy, synonyms)
    else:
        resolved = resolve_name(lineage.taxon, taxonomy, synonyms)
    if resolved.taxon is None or resolved.taxon.rank != lineage.rank:
        problem = (
            resolved.problem or f"{resolved.name!r} is a {resolved.taxon and resolved.taxon.rank}"
        )
        return ResolvedLineage(replace(lineage, **_known_ranks(taxonomy, lineage)), problem=problem)
    is_unchanged = taxon_key(resolved.taxon.name) == taxon_key(resolved.name)
    known = _lineage_in_tree(taxonomy, resolved.taxon.name)
    english_name = known.english_name or (lineage.english_name if is_unchanged else "")
    return ResolvedLineage(
        replace(known, english_name=english_name), "" if is_unchanged else resolved.name
    )


def complete_lineage(taxonomy: Taxonomy, lineage: Lineage) -> Lineage:
    """Fill the empty ranks of a lineage from the taxonomy, above its lowest known name."""
    known = _known_ranks(taxonomy, lineage)
    return replace(lineage, **{rank: n for rank, n in known.items() if not getattr(lineage, rank)})


def _resolve_genus(name: str, taxonomy: Taxonomy, synonyms: Synonyms | None) -> ResolvedName:
    """Resolve an old genus to the genus of all its species, if there is only one."""
    resolved = resolve_name(name, taxonomy)
    if resolved.taxon is not None or synonyms is None:
        return resolved
    successors = synonyms.genus_successors(name)
    if len(successors) == 1 and successors[0] in taxonomy:
        return ResolvedName(resolved.name, taxonomy.taxon(successors[0]))
    if len(successors) > 1:
        problem = f"the species of {resolved.name!r} went to {', '.join(map(repr, successors))}"
        return replace(resolved, problem=problem)
    return resolved


def _lineage_in_tree(taxonomy: Taxonomy, name: str) -> Lineage:
    """The lineage of a taxon in the taxonomy."""
    path = taxonomy.path(name)
    names = {taxon.rank: taxon.name for taxon in path[1:]}
    return Lineage(**names, english_name=path[-1].english_name if "species" in names else "")


def _known_ranks(taxonomy: Taxonomy, lineage: Lineage) -> dict[str, str]:
    """Name by rank, of the lowest taxon of a lineage in the taxonomy and of those above it."""
    for rank in reversed(RANKS[1:]):
        name = getattr(lineage, rank)
        if name in taxonomy and taxonomy.taxon(name).rank == rank:
            return {taxon.rank: taxon.name for taxon in taxonomy.path(name)[1:]}
    return {}
