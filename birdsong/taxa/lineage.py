"""Ranks, taxa, and lineages: the names of a bird at each rank."""

from dataclasses import dataclass

RANKS = ("class", "order", "family", "genus", "species")
DEPTH = {rank: depth for depth, rank in enumerate(RANKS)}


@dataclass(frozen=True, slots=True)
class Taxon:
    """One node of the taxonomy; the name of a species is its binomial, ``Turdus merula``."""

    rank: str
    name: str
    english_name: str = ""


ROOT = Taxon("class", "Aves")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The names of a bird at each rank; an unknown name is empty.

    `species` is the binomial, and `english_name` belongs to the species.
    """

    order: str = ""
    family: str = ""
    genus: str = ""
    species: str = ""
    english_name: str = ""

    @property
    def rank(self) -> str:
        """The rank of the most specific known name; ``class`` if there is none."""
        return next((rank for rank in RANKS[:0:-1] if getattr(self, rank)), "class")

    @property
    def taxon(self) -> str:
        """The most specific known name; empty if there is none."""
        return "" if self.rank == "class" else str(getattr(self, self.rank))


def taxon_key(name: str) -> str:
    """Normalise a name for comparison: lower case, spaces for underscores."""
    return tidy(name).casefold()


def tidy(name: str) -> str:
    """Replace underscores and repeated white space in a name by single spaces."""
    return " ".join(name.replace("_", " ").split())
