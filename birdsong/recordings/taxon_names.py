"""What a folder's name says of the recordings in it, and which names are of no certain species.

A folder is named after a species where it reads as a capitalised genus and a lower-case epithet
that both end as scientific names do, and neither is an ordinary word of sites, dates, equipment or
English bird names. AviList 2025 and its synonyms (6,200 epithets, 2,400 genera) pass all of it.
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
# The words of AviList that end otherwise.
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
# Words that end as scientific names do, and are in none of them.
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
_GENERA_SET = frozenset(_OTHER_GENERA.split())
_EPITHETS_SET = frozenset(_OTHER_EPITHETS.split())
_ORDINARY_SET = frozenset(_ORDINARY_WORDS.split())

BACKGROUND_NAMES = frozenset(
    # BirdNET's labels of what is no animal species
    {"dog", "engine", "environmental", "fireworks", "gun", "human", "human non vocal"}
    | {"human vocal", "human whistle", "noise", "power tools", "siren"}
    # and what data sets call recordings without a bird
    | {"ambient noise", "background", "background noise", "background sound", "background sounds"}
    | {"no bird", "no birds", "no call", "no calls", "nobird", "nobirds", "nocall", "nocalls"}
    | {"noises", "non bird", "non event", "not bird", "silence", "thunder", "traffic noise"}
    | {"rain noise", "wind noise"}
)
"""Names of folders, in lower case and with single spaces, of recordings without a bird."""
_UNIDENTIFIED_NAMES = frozenset(
    {"identity unknown", "mystery mystery", "sonus naturalis", "soundscape", "soundscapes"}
    | {"unidentified bird", "unidentified birds", "unknown bird", "unknown birds"}
)


@dataclass(frozen=True, slots=True)
class FolderName:
    """What a folder is named after.

    Attributes
    ----------
    kind : {"taxon", "background", "unidentified"}
        A species or genus; recordings without a bird; or birds that nobody identified, such as
        those of a soundscape.
    genus, species : str
        Empty but for a taxon; `species` is empty also where it is uncertain or a hybrid.
    original_name : str
        The folder's own words where they say more than `genus` keeps, as in ``Turdus cf. merula``.
    """

    kind: Literal["taxon", "background", "unidentified"]
    genus: str = ""
    species: str = ""
    original_name: str = ""


def parse_folder_name(folder: str, *, lower_case: bool = False) -> FolderName | None:
    """Tell what a folder is named after.

    Parameters
    ----------
    folder : str
        Its name alone, with spaces or underscores: ``Turdus_merula``, or with an English name
        behind, ``Turdus merula_Common Blackbird``.
    lower_case : bool
        Whether to take ``turdus merula`` too, which any two words look like.

    Returns
    -------
    FolderName or None
        None where it is named after something else, such as a site or a date.
    """
    words = re.split(r"[_ ]+", folder.strip("_ "))
    plain = " ".join(words).casefold().replace("-", " ").split()
    half = len(plain) // 2
    if len(plain) % 2 == 0 and plain[:half] == plain[half:] and "_" in folder:
        plain = plain[:half]  # a label of BirdNET, twice the same where it has no Latin name
    if " ".join(plain) in BACKGROUND_NAMES:
        return FolderName("background")
    if " ".join(plain) in _UNIDENTIFIED_NAMES:
        return FolderName("unidentified")
    if len(words) < 2:
        return None
    genus, epithet = words[0], words[1]
    if lower_case:
        genus = genus.capitalize() if genus.islower() else ""
    if not _GENUS.fullmatch(genus) or not _is_scientific(genus, _GENUS_ENDING, _GENERA_SET):
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
    if not _is_scientific(epithet, _EPITHET_ENDING, _EPITHETS_SET):
        return None
    return FolderName("taxon", genus, epithet)


def nearest_folder_name(folders: Sequence[str]) -> FolderName | None:
    """Tell what the nearest folder above a file is named after that is named after anything.

    Names in lower case throughout are taken only where no other folder names a taxon.

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
    """Whether the words behind a genus name no one species for certain.

    They do not where they begin with ``cf.`` or the like, are of a hybrid, two species with a
    stroke between them, or bear a question mark.

    Parameters
    ----------
    words : sequence of str
        Such as ``["cf.", "merula"]`` or ``["platyrhynchos", "x", "acuta"]``.
    """
    if not words:
        return False
    if words[0].casefold().rstrip(".") in _QUALIFIERS:
        return True
    is_hybrid = bool(_behind_hybrid_sign(words))
    return is_hybrid or "/" in words[0] or "?" in words[0] or words[1:2] == ["?"]


def is_intergeneric_hybrid(words: Sequence[str], genus: str) -> bool:
    """Whether the words behind a genus name a hybrid with a species of another genus."""
    behind = _behind_hybrid_sign(words)
    if len(behind) < 2:
        return False
    other = behind[0].rstrip(".")
    return other[:1].isupper() and not genus.casefold().startswith(other.casefold())


def _behind_hybrid_sign(words: Sequence[str]) -> Sequence[str]:
    """The words behind an ``x``, where they may be a species; empty where there are none."""
    for position, word in enumerate(words[:4]):
        if word.casefold() in _HYBRID_SIGNS and re.fullmatch(
            r"[^\W\d_]+\.?", (words[position + 1 : position + 2] or [""])[0]
        ):
            return words[position + 1 :]
    return ()


def _is_scientific(word: str, ending: re.Pattern[str], others: frozenset[str]) -> bool:
    """Whether a word may be one of a scientific name, by its ending, and is no ordinary word."""
    word = word.casefold()
    if any(part in _ORDINARY_SET for part in word.split("-")):
        return False
    return bool(ending.search(word)) or word in others
