"""Parse the names of taxa in folder names, and recognise uncertain names.

A folder has the name of a species if it reads as a capitalised genus and a lower-case epithet, both
with a usual ending of scientific names, and neither is an ordinary word for a site, a date,
equipment or an English bird name. All names of AviList 2025 and its synonyms (6,200 epithets, 2,400
genera) are recognised.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from birdsong.recordings.recording import UNIDENTIFIED

_QUALIFIERS = frozenset({"cf", "cfr", "aff", "nr", "near", "indet", "hybrid"})
_HYBRID_SIGNS = frozenset({"x", "\N{MULTIPLICATION SIGN}"})

_GENUS = re.compile(r"[A-Z][a-z]+(?:-[a-z]+)?")
_EPITHET = re.compile(r"[a-z-]*[a-z]{2}[a-z-]*")
_GENUS_ENDING = re.compile(r"(?:[aeioux]|[aeiouy]s|um|ns|ps|or|er|on|psar|chen)$")
_EPITHET_ENDING = re.compile(r"(?:[aeioux]|[aeiouy]s|um|ns|ps|bs|or|er|on)$")
# The words of AviList with other endings.
_OTHER_GENERA = (
    "astur butastur haliastur heliactin micrastur nok pseudastur radjah remiz sugomel touit "
    "tragopan turtur vultur"
)
_OTHER_EPITHETS = (
    "aguimp akool araucuan argoondah ariel astrild astur augur baglafecht balim boobook boodang "
    "borin boulboul bouvreuil cabaret caesar cahow chabert chaktomuk cheriway cherrug chrysauchen "
    "chukar clotbey cygnoid discors dispar edward elisabeth eminibey erythrauchen exsul exul fanny "
    "freycinet gabar gaudichaud goliath guy hagedash hoazin leucoryn lory manyar marail mavors "
    "meninting motmot mulsant nabouroup nenday paruhbesar pipixcan pririt radjah raytal reinwardt "
    "rolland rouloul sasin schach tibicen timneh tractrac trocaz turtur tzacatl unchall vigil "
    "yelkouan"
)
# Words with the ending of scientific names that are in none of them.
_ORDINARY_WORDS = (
    # places
    "acre area bridge camera center centre corner dune enclosure fence glade grove house lake "
    "landscape location lodge logger nature nestbox pine place pole region reserve ridge river "
    "sector shore site sites square station stations stone subsite tower tree trees village "
    "water zone "
    # directions and times
    "afternoon before date days december inner june lower middle minute minutes november "
    "october outer season september session sessions summer sunrise time times upper winter "
    # equipment and files
    "archive audio copies data database device drive extra extras file files folder machine "
    "micro microphone mono notes phone phones photo photos image recorder sample samples "
    "sensor series songmeter source sources stereo store tape tapes validation various version "
    "video videos volume "
    # sounds and other animals
    "chorus engine fire noise noises other power silence single sonus soundscape soundscapes "
    "thunder vehicle voice voices whistle "
    # numbers and properties
    "double false female five juvenile large male miscellaneous negative nine none one positive "
    "selection three true two zero "
    # English names of birds
    "alpine antpitta antshrike babbler blue bronze bushshrike carrion chickadee cockatoo common "
    "condor coquette crake crane creeper cuckoo cuckooshrike dipper dove drongo eagle eider "
    "falcon flamingo flicker flowerpecker flycatcher gallinule gleaner gnatcatcher goldeneye "
    "goose grackle greater grebe grouse harrier heron honeyeater honeyguide hoopoe jaeger "
    "japanese kingfisher kite lesser little loon magpie murre nightingale noble olive orange "
    "oriole oystercatcher pale partridge pewee phalarope pigeon plover purple roller rose "
    "rufous sandgrouse sandpiper scoter seedeater shearwater shoveler shrike silver slender "
    "snipe tanager tapaculo thrasher tinamou titmouse towhee treecreeper turaco vulture warbler "
    "weaver whistler white wigeon woodcreeper woodpecker"
)
_OTHER_GENERA_SET = frozenset(_OTHER_GENERA.split())
_OTHER_EPITHETS_SET = frozenset(_OTHER_EPITHETS.split())
_ORDINARY_SET = frozenset(_ORDINARY_WORDS.split())

BACKGROUND_NAMES = frozenset(
    # labels of BirdNET that are not species
    {"dog", "engine", "environmental", "fireworks", "gun", "human", "human non vocal"}
    | {"human vocal", "human whistle", "noise", "power tools", "siren"}
    # names in data sets for recordings without a bird
    | {"ambient noise", "background", "background noise", "background sound", "background sounds"}
    | {"no bird", "no birds", "no call", "no calls", "nobird", "nobirds", "nocall", "nocalls"}
    | {"noises", "non bird", "non event", "not bird", "silence", "thunder", "traffic noise"}
    | {"rain noise", "wind noise"}
)
"""Folder names, in lower case with single spaces, for recordings without a bird."""
_UNIDENTIFIED_NAMES = frozenset(
    {"identity unknown", "mystery mystery", "sonus naturalis", "soundscape", "soundscapes"}
    | {"unidentified bird", "unidentified birds", "unknown bird", "unknown birds"}
)


@dataclass(frozen=True, slots=True)
class FolderName:
    """Meaning of a folder name.

    Attributes
    ----------
    kind : {"taxon", "background", "unidentified"}
        A species or genus; recordings without a bird; or unidentified birds, such as in a
        soundscape.
    genus, species : str
        Only of a taxon; `species` is also empty if it is uncertain or a hybrid.
    original_name : str
        The folder name if `genus` loses a part of it, such as ``Turdus cf. merula``.
    """

    kind: Literal["taxon", "background", "unidentified"]
    genus: str = ""
    species: str = ""
    original_name: str = ""


def parse_folder_name(folder: str, *, lower_case: bool = False) -> FolderName | None:
    """Parse the name of a folder.

    Parameters
    ----------
    folder : str
        Name without its path, with spaces or underscores: ``Turdus_merula``, or with an English
        name, ``Turdus merula_Common Blackbird``.
    lower_case : bool
        Whether to accept ``turdus merula`` too; many pairs of words look like this.

    Returns
    -------
    FolderName or None
        None if it is the name of something else, such as a site or a date.
    """
    words = re.split(r"[_ ]+", folder.strip("_ "))
    plain_words = " ".join(words).casefold().replace("-", " ").split()
    half = len(plain_words) // 2
    if len(plain_words) % 2 == 0 and plain_words[:half] == plain_words[half:] and "_" in folder:
        plain_words = plain_words[:half]  # BirdNET repeats a label without a Latin name
    if " ".join(plain_words) in BACKGROUND_NAMES:
        return FolderName("background")
    if " ".join(plain_words) in _UNIDENTIFIED_NAMES:
        return FolderName("unidentified")
    if len(words) < 2:
        return None
    genus, epithet = words[0], words[1]
    if lower_case:
        genus = genus.capitalize() if genus.islower() else ""
    if not _GENUS.fullmatch(genus) or not _is_scientific(genus, _GENUS_ENDING, _OTHER_GENERA_SET):
        return None
    name = " ".join(words)
    if is_uncertain(words[1:]):
        if is_intergeneric_hybrid(words[1:], genus):
            return FolderName("unidentified", original_name=name)
        return FolderName("taxon", genus, "", name)
    if epithet in UNIDENTIFIED:
        return FolderName("taxon", genus)
    epithet = epithet.removesuffix(".")
    if not _EPITHET.fullmatch(epithet):
        return None
    if not _is_scientific(epithet, _EPITHET_ENDING, _OTHER_EPITHETS_SET):
        return None
    return FolderName("taxon", genus, epithet)


def nearest_folder_name(folders: Sequence[str]) -> FolderName | None:
    """Parse the nearest folder name above a file that has a meaning.

    Names in lower case count only if no other folder has the name of a taxon.

    Parameters
    ----------
    folders : sequence of str
        From the outermost to the nearest.
    """
    names = [parse_folder_name(folder) for folder in folders]
    if not any(name is not None and name.kind == "taxon" for name in names):
        names = [
            name or parse_folder_name(folder, lower_case=True)
            for name, folder in zip(names, folders, strict=True)
        ]
    return next(filter(None, reversed(names)), None)


def is_uncertain(words: Sequence[str]) -> bool:
    """Whether the words after a genus are not one certain species.

    Uncertain are ``cf.`` and the like, hybrids, two species with a slash, and a question mark.

    Parameters
    ----------
    words : sequence of str
        Such as ``["cf.", "merula"]`` or ``["platyrhynchos", "x", "acuta"]``.
    """
    if not words:
        return False
    if words[0].casefold().rstrip(".") in _QUALIFIERS:
        return True
    is_hybrid = bool(_words_after_hybrid_sign(words))
    return is_hybrid or "/" in words[0] or "?" in words[0] or words[1:2] == ["?"]


def is_intergeneric_hybrid(words: Sequence[str], genus: str) -> bool:
    """Whether the words after a genus mean a hybrid with a species of another genus."""
    after_sign = _words_after_hybrid_sign(words)
    if len(after_sign) < 2:
        return False
    other = after_sign[0].rstrip(".")
    return other[:1].isupper() and not genus.casefold().startswith(other.casefold())


def _words_after_hybrid_sign(words: Sequence[str]) -> Sequence[str]:
    """The words after an ``x`` if they may be a species; else empty."""
    for position, word in enumerate(words[:4]):
        if word.casefold() in _HYBRID_SIGNS and re.fullmatch(
            r"[^\W\d_]+\.?", (words[position + 1 : position + 2] or [""])[0]
        ):
            return words[position + 1 :]
    return ()


def _is_scientific(word: str, ending: re.Pattern[str], others: frozenset[str]) -> bool:
    """Whether a word has the ending of a scientific name and is not an ordinary word."""
    word = word.casefold()
    if any(part in _ORDINARY_SET for part in word.split("-")):
        return False
    return bool(ending.search(word)) or word in others
