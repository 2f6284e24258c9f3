"""Select recordings of a catalogue by quality, length, kind, country and licence."""

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
    """Conditions that selected recordings meet.

    Attributes
    ----------
    least_quality : {"A", "B", "C", "D", "E", ""}
        Lowest accepted quality; unrated recordings are rejected. Empty accepts all.
    min_length_s, max_length_s : float
    kinds : tuple of str
        Accepted kinds of sound, such as ``song``; empty accepts all.
    countries : tuple of str
        Empty accepts all.
    licences : tuple of str
        Accepted licences, short and without a version, such as ``BY-NC-SA``; empty accepts all.
    max_also : int or None
        Maximum number of species in the background.
    max_per_species : int or None
    max_per_recordist : int or None
        Maximum number of one recordist and species.
    seed : int
        Seed of the random order of recordings of the same quality.
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
    """Select recordings, the best quality first.

    Parameters
    ----------
    found : iterable of CatalogueRecording
    config : SubsetConfig
    taxon_of : mapping of str to str, optional
        Species name by catalogue number, if several names mean one species. By default the
        names of the catalogue count.

    Returns
    -------
    selected : tuple of CatalogueRecording
        Sorted by species and catalogue number.
    rejected : Counter of str
        Number of rejected recordings by reason.
    """
    rejected: Counter[str] = Counter()
    accepted = []
    for each in sorted(found, key=lambda each: each.number):
        if reason := _rejection_reason(each, config):
            rejected[reason] += 1
        else:
            accepted.append(each)
    selected: list[CatalogueRecording] = []
    n_of_species: Counter[str] = Counter()
    n_of_recordist: Counter[tuple[str, str]] = Counter()
    for each in _best_first(accepted, config.seed):
        species = (taxon_of or {}).get(each.xc_id, each.scientific_name)
        recordist = (species, each.recordist)
        if n_of_recordist[recordist] == config.max_per_recordist:
            rejected["too many of its recordist"] += 1
        elif n_of_species[species] == config.max_per_species:
            rejected["too many of its species"] += 1
        else:
            n_of_species[species] += 1
            n_of_recordist[recordist] += 1
            selected.append(each)
    return tuple(sorted(selected, key=lambda each: (each.scientific_name, each.number))), rejected


def _rejection_reason(found: CatalogueRecording, config: SubsetConfig) -> str:
    """Reason for rejecting a recording; empty if it is accepted."""
    if not found.has_file:
        return "audio is withheld"
    if config.least_quality and not (found.quality and found.quality <= config.least_quality):
        return f"quality below {config.least_quality}, or unrated"
    if found.length_s is None:
        return "length is unknown"
    if found.length_s < config.min_length_s:
        return f"shorter than {config.min_length_s:g} s"
    if found.length_s > config.max_length_s:
        return f"longer than {config.max_length_s:g} s"
    if config.kinds and not _has_kind(found.kind, config.kinds):
        return f"no {' or '.join(config.kinds)}"
    if config.countries and found.country.casefold() not in map(str.casefold, config.countries):
        return f"not from {' or '.join(config.countries)}"
    if config.licences and not _has_licence(found.licence, config.licences):
        return f"not under {' or '.join(config.licences)}"
    if config.max_also is not None and len(found.also) > config.max_also:
        return f"more than {config.max_also} species in the background"
    return ""


def _has_kind(kind: str, allowed: Sequence[str]) -> bool:
    words = {word.strip().casefold() for word in kind.split(",")}
    return not words.isdisjoint(map(str.casefold, allowed))


def _has_licence(licence: str, allowed: Sequence[str]) -> bool:
    parsed = parse_licence(licence)
    if parsed is None:
        return False
    name = parsed.name.upper().removeprefix("CC ").partition(" ")[0]
    return name in {each.upper().removeprefix("CC ").strip() for each in allowed}


def _best_first(found: Sequence[CatalogueRecording], seed: int) -> list[CatalogueRecording]:
    """Sort by quality, in random order within a quality."""
    order = np.random.default_rng(seed).permutation(len(found))
    by_quality = sorted(zip(order, found, strict=True), key=lambda pair: int(pair[0]))
    return [each for _, each in sorted(by_quality, key=lambda pair: pair[1].quality or "Z")]
