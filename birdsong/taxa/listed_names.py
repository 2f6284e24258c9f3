"""Names of birds as lists have them: scientific or English, with all that programs put around them.

eBird writes ``Turdus merula [merula Group]`` and ``Branta canadensis (Domestic type)`` for birds of
one species, ``Larus argentatus/fuscus``, ``Larus sp.`` and ``Anas platyrhynchos x rubripes`` for
birds of none that is known; BirdNET writes ``Turdus merula_Common Blackbird``.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from birdsong.taxa.lineage import Taxon, tidy

_UNIDENTIFIED = frozenset({"sp", "sp.", "spp", "spp.", "spec."})
_UNCERTAIN = frozenset({"cf", "cf.", "aff", "aff."})
_NO_SPECIES = frozenset({"slash", "spuh", "hybrid"})
_MAX_SHOWN = 100  # characters
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_OR = re.compile(r"/|\u00d7| x ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ListedName:
    """One entry of a list.

    Attributes
    ----------
    candidates : tuple of str
        Ways in which it names a taxon, the surest first; at least one.
    category : str
        What eBird says that it is, as in ``species`` or ``spuh``; empty where nothing tells.
    sp_is_genus : bool
        Whether ``Turdus sp.`` stands for all of the genus, as where a person wrote the list; else
        for a bird that was not identified.
    """

    candidates: tuple[str, ...]
    category: str = ""
    sp_is_genus: bool = True

    @property
    def written(self) -> str:
        """The name for messages, of which nobody needs more than a line."""
        name = tidy(self.candidates[0])
        return name if len(name) <= _MAX_SHOWN else f"{name[:_MAX_SHOWN]}\u2026"

    @property
    def is_single_taxon(self) -> bool:
        """Whether it is more than "one of these" or "something of that kind"."""
        if self.category.casefold() in _NO_SPECIES:
            return False
        return bool(species_level_name(self.candidates[0], sp_is_genus=self.sp_is_genus))


def species_level_name(name: str, *, sp_is_genus: bool = True) -> str:
    """Bring a name to what it means at the level of species.

    Parameters
    ----------
    name : str
    sp_is_genus : bool
        Whether ``Turdus sp.`` means the genus.

    Returns
    -------
    str
        Without brackets, and of subspecies of one species (``Junco hyemalis hyemalis/oreganus``)
        the species. Empty for a hybrid, for two species between which nobody decided, and for what
        is marked as uncertain or, without `sp_is_genus`, as not identified.

    Examples
    --------
    >>> species_level_name("Turdus merula [merula Group]")
    'Turdus merula'
    >>> species_level_name("Larus argentatus/fuscus")
    ''
    """
    name = tidy(_BRACKETS.sub(" ", name)) or tidy(name)
    if either := _OR.search(name):
        words, others = name[: either.start()].split(), name[either.end() :].lstrip()
        return " ".join(words[:2]) if len(words) > 2 and not others[:1].isupper() else ""
    words = name.split()
    marks = {word.casefold() for word in words[1:]}
    if not marks.isdisjoint(_UNCERTAIN):
        return ""
    if not marks.isdisjoint(_UNIDENTIFIED):
        return words[0] if sp_is_genus else ""
    return name


def name_variants(cells: Iterable[str]) -> tuple[str, ...]:
    """Find the ways in which a line of a list names a taxon.

    Parameters
    ----------
    cells : iterable of str
        What stands on the line, between commas or tabs: a name, and perhaps one in another
        language beside it.

    Returns
    -------
    tuple of str
    """
    ways: list[str] = []
    for cell in cells:
        ways.append(cell)
        parts = cell.split("_")
        if len(parts) == 2 and " " in parts[0].strip():  # BirdNET's; else underscores are spaces
            ways += parts
        ways += [found[1:-1] for found in _BRACKETS.findall(cell)]
        if " #" in cell:
            ways.append(cell.partition(" #")[0])
    return tuple(dict.fromkeys(way.strip() for way in ways if tidy(way)))


class EnglishNames:
    """The English names of taxa, found whatever capitals, hyphens and apostrophes they have.

    Parameters
    ----------
    taxa : iterable of Taxon
    """

    def __init__(self, taxa: Iterable[Taxon]) -> None:
        self._taxa: defaultdict[str, list[Taxon]] = defaultdict(list)
        for taxon in taxa:
            if key := english_key(taxon.english_name):
                self._taxa[key].append(taxon)

    def find(self, name: str) -> list[Taxon]:
        """Find all taxa that have a name."""
        return self._taxa.get(english_key(name), [])


def english_key(name: str) -> str:
    """The form in which English names are compared: letters and digits, no accents, lower case.

    American spellings count as British ones: checklists differ in them.

    Examples
    --------
    >>> english_key("Red-backed Shrike") == english_key("red backed shrike")
    True
    """
    letters = unicodedata.normalize("NFKD", name).casefold()
    key = "".join(letter for letter in letters if letter.isalnum())
    return key.replace("gray", "grey").replace("colored", "coloured")
