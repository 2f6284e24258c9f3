"""Which of the recordings that a catalogue has are taken: good, varied, and usable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from birdsong.errors import ConfigError
from birdsong.licences import parse_licence

if TYPE_CHECKING:
    from birdsong.recordings.xeno_canto import CatalogueRecording

QUALITIES = "ABCDE"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsetConfig:
    """What a recording must be.

    Attributes
    ----------
    least_quality : {"A", "B", "C", "D", "E", ""}
        Worse ones are left out, and those that nobody has judged; empty takes all.
    min_length_s, max_length_s : float
    kinds : tuple of str
        One of these words must stand in what is heard, as in ``song``; none takes all.
    countries : tuple of str
    licences : tuple of str
        Short names without a number, as in ``BY-NC-SA``, of which one must be its licence.
    max_also : int or None
        Species in the background, at most.
    max_per_species : int or None
    max_per_recordist : int or None
        Of one species.
    seed : int
        Draws among recordings of the same quality.
    """

    least_quality: str = ""
    min_length_s: float = 0.0
    max_length_s: float = 600.0
    kinds: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    max_also: int | None = None
    max_per_species: int | None = None
    max_per_recordist: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.least_quality not in ("", *QUALITIES):
            raise ConfigError(f"least_quality must be from A to E, got {self.least_quality!r}")
        if not 0 <= self.min_length_s <= self.max_length_s:
            raise ConfigError(
                "lengths must rise from 0, got "
                f"{self.min_length_s:g} to {self.max_length_s:g} seconds"
            )
        for name in ("max_per_species", "max_per_recordist"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be at least 1, got {value}")
        if self.seed < 0:
            raise ConfigError(f"seed must be at least 0, got {self.seed}")


def select_subset(
    found: Iterable[CatalogueRecording],
    config: SubsetConfig,
    *,
    taxon_of: Mapping[str, str] | None = None,
) -> tuple[tuple[CatalogueRecording, ...], Counter[str]]:
    """Choose recordings.

    Parameters
    ----------
    found : iterable of Found
    config : SubsetConfig
    taxon_of : mapping of str to str, optional
        What species are called, by catalogue number, where several names mean one; by default
        what the catalogue calls them.

    Returns
    -------
    chosen : tuple of Found
        By species and catalogue number.
    left_out : Counter of str
        How many were left out for each reason.
    """
    left_out: Counter[str] = Counter()
    fitting = []
    for each in sorted(found, key=lambda each: each.number):
        if reason := _rejection_reason(each, config):
            left_out[reason] += 1
        else:
            fitting.append(each)
    kept: list[CatalogueRecording] = []
    of_species: Counter[str] = Counter()
    of_recordist: Counter[tuple[str, str]] = Counter()
    for each in _best_first(fitting, config.seed):
        species = (taxon_of or {}).get(each.xc_id, each.scientific_name)
        recordist = (species, each.recordist)
        if of_recordist[recordist] == config.max_per_recordist:
            left_out["more than enough of its recordist"] += 1
        elif of_species[species] == config.max_per_species:
            left_out["more than enough of its species"] += 1
        else:
            of_species[species] += 1
            of_recordist[recordist] += 1
            kept.append(each)
    return tuple(sorted(kept, key=lambda each: (each.scientific_name, each.number))), left_out


def _rejection_reason(found: CatalogueRecording, config: SubsetConfig) -> str:
    """Say why a recording is left out; empty where it fits."""
    if not found.has_file:
        return "sound is kept back"
    if config.least_quality and not (found.quality and found.quality <= config.least_quality):
        return f"quality below {config.least_quality}, or not judged"
    if found.length_s is None:
        return "length is not known"
    if found.length_s < config.min_length_s:
        return f"shorter than {config.min_length_s:g} s"
    if found.length_s > config.max_length_s:
        return f"longer than {config.max_length_s:g} s"
    if config.kinds and not _holds(found.kind, config.kinds):
        return f"no {' or '.join(config.kinds)}"
    if config.countries and found.country.casefold() not in map(str.casefold, config.countries):
        return f"not of {' or '.join(config.countries)}"
    if config.licences and not _is_under(found.licence, config.licences):
        return f"not under {' or '.join(config.licences)}"
    if config.max_also is not None and len(found.also) > config.max_also:
        return f"more than {config.max_also} species in the background"
    return ""


def _holds(kind: str, wanted: Sequence[str]) -> bool:
    words = {word.strip().casefold() for word in kind.split(",")}
    return not words.isdisjoint(map(str.casefold, wanted))


def _is_under(licence: str, wanted: Sequence[str]) -> bool:
    known = parse_licence(licence)
    if known is None:
        return False
    name = known.name.upper().removeprefix("CC ").partition(" ")[0]
    return name in {each.upper().removeprefix("CC ").strip() for each in wanted}


def _best_first(found: Sequence[CatalogueRecording], seed: int) -> list[CatalogueRecording]:
    """The best first, those as good in a drawn order."""
    turn = np.random.default_rng(seed).permutation(len(found))
    by_quality = sorted(zip(turn, found, strict=True), key=lambda pair: int(pair[0]))
    return [each for _, each in sorted(by_quality, key=lambda pair: pair[1].quality or "Z")]
