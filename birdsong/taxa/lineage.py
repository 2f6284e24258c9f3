"""Taxa and their names: the ranks, a taxon, and what one row says about where a bird belongs."""

from dataclasses import dataclass

RANKS = ("class", "order", "family", "genus", "species")
DEPTH = {rank: depth for depth, rank in enumerate(RANKS)}


@dataclass(frozen=True, slots=True)
class Taxon:
    """One node of the tree; the name of a species is its binomial, ``Turdus merula``."""

    rank: str
    name: str
    english_name: str = ""


ROOT = Taxon("class", "Aves")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What one row says about where a bird belongs; an empty name is one not known.

    `species` is the binomial, and `english_name` is the species' own.
    """

    order: str = ""
    family: str = ""
    genus: str = ""
    species: str = ""
    english_name: str = ""

    @property
    def rank(self) -> str:
        """The rank of the most specific name that is known; ``class`` where none is."""
        return next((rank for rank in RANKS[:0:-1] if getattr(self, rank)), "class")

    @property
    def taxon(self) -> str:
        """The most specific name that is known, or none."""
        return "" if self.rank == "class" else str(getattr(self, self.rank))


def taxon_key(name: str) -> str:
    """The form in which names are compared: lower case, spaces for underscores."""
    return tidy(name).casefold()


def tidy(name: str) -> str:
    """A name with single spaces and no underscores."""
    return " ".join(name.replace("_", " ").split())
