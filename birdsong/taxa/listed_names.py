"""Parse names of birds in lists: scientific or English, with the additions of other programs.

eBird writes ``Turdus merula [merula Group]`` and ``Branta canadensis (Domestic type)`` for one
species, and ``Larus argentatus/fuscus``, ``Larus sp.`` and ``Anas platyrhynchos x rubripes`` for an
unidentified bird or a hybrid. BirdNET writes ``Turdus merula_Common Blackbird``.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from birdsong.taxa.lineage import Taxon, tidy

_UNIDENTIFIED_EPITHETS = frozenset({"sp", "sp.", "spp", "spp.", "spec."})
_QUALIFIERS = frozenset({"cf", "cf.", "aff", "aff."})
_AMBIGUOUS_CATEGORIES = frozenset({"slash", "spuh", "hybrid"})
_MAX_LENGTH = 100  # characters
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_ALTERNATIVE = re.compile(r"/|\u00d7| x ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ListedName:
    """One entry of a list.

    Attributes
    ----------
    candidates : tuple of str
        Possible names of the taxon, the most certain first; at least one.
    category : str
        Category of eBird, such as ``species`` or ``spuh``; empty if unknown.
    sp_is_genus : bool
        Whether ``Turdus sp.`` means the whole genus, as in a list written by a person, or an
        unidentified bird.
    """

    candidates: tuple[str, ...]
    category: str = ""
    sp_is_genus: bool = True

    @property
    def display_name(self) -> str:
        """The name for messages, truncated to one line."""
        name = tidy(self.candidates[0])
        return name if len(name) <= _MAX_LENGTH else f"{name[:_MAX_LENGTH]}\u2026"

    @property
    def is_single_taxon(self) -> bool:
        """Whether the entry is one taxon and not a hybrid, a slash or an unidentified bird."""
        if self.category.casefold() in _AMBIGUOUS_CATEGORIES:
            return False
        return bool(species_level_name(self.candidates[0], sp_is_genus=self.sp_is_genus))


def species_level_name(name: str, *, sp_is_genus: bool = True) -> str:
    """Reduce a name to the level of species.

    Parameters
    ----------
    name : str
    sp_is_genus : bool
        Whether ``Turdus sp.`` means the genus.

    Returns
    -------
    str
        The name without brackets. Subspecies of one species (``Junco hyemalis hyemalis/oreganus``)
        become the species. Empty for a hybrid, for two possible species, for an uncertain name and,
        if `sp_is_genus` is false, for an unidentified bird.

    Examples
    --------
    >>> species_level_name("Turdus merula [merula Group]")
    'Turdus merula'
    >>> species_level_name("Larus argentatus/fuscus")
    ''
    """
    name = tidy(_BRACKETS.sub(" ", name)) or tidy(name)
    if match := _ALTERNATIVE.search(name):
        words, others = name[: match.start()].split(), name[match.end() :].lstrip()
        return " ".join(words[:2]) if len(words) > 2 and not others[:1].isupper() else ""
    words = name.split()
    words_after_genus = {word.casefold() for word in words[1:]}
    if not words_after_genus.isdisjoint(_QUALIFIERS):
        return ""
    if not words_after_genus.isdisjoint(_UNIDENTIFIED_EPITHETS):
        return words[0] if sp_is_genus else ""
    return name


def name_variants(cells: Iterable[str]) -> tuple[str, ...]:
    """Find the possible names of a taxon in a line of a list.

    Parameters
    ----------
    cells : iterable of str
        Cells of the line: a name, and perhaps the name in another language.

    Returns
    -------
    tuple of str
    """
    variants: list[str] = []
    for cell in cells:
        variants.append(cell)
        parts = cell.split("_")
        if (
            len(parts) == 2 and " " in parts[0].strip()
        ):  # a label of BirdNET; elsewhere an underscore is a space
            variants += parts
        variants += [found[1:-1] for found in _BRACKETS.findall(cell)]
        if " #" in cell:
            variants.append(cell.partition(" #")[0])
    return tuple(dict.fromkeys(way.strip() for way in variants if tidy(way)))


class EnglishNames:
    """Index of English names that ignores case, hyphens and apostrophes.

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
        """Find all taxa with an English name."""
        return self._taxa.get(english_key(name), [])


def english_key(name: str) -> str:
    """Normalise an English name for comparison: letters and digits, no accents, lower case.

    American spellings become British ones, since checklists use both.

    Examples
    --------
    >>> english_key("Red-backed Shrike") == english_key("red backed shrike")
    True
    """
    letters = unicodedata.normalize("NFKD", name).casefold()
    key = "".join(letter for letter in letters if letter.isalnum())
    return key.replace("gray", "grey").replace("colored", "coloured")
