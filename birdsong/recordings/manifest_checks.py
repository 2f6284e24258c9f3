"""What may be wrong with a manifest, before days are spent on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from birdsong.licences import SharingTerms, sharing_terms
from birdsong.recordings.recording import Recording
from birdsong.recordings.sessions import infer_sessions

MIN_RECORDINGS = 6
"""A species with fewer makes a poor label."""


@dataclass(frozen=True, slots=True)
class ManifestReport:
    """What was found in a manifest's own columns.

    Attributes
    ----------
    n_taxa : int
    few : tuple of (str, int)
        Species with fewer recordings than `MIN_RECORDINGS`, and how many they have.
    one_session : tuple of str
        Species of which all recordings are of one session, so that they cannot be tested.
    leaks : tuple of tuple of str
        Recordings that were probably made together, in different sessions.
    no_recordist : int
    licences : Counter of str
    verdict : Verdict
        Whether a model that learns from all of it may be shared.
    """

    n_taxa: int
    rare_taxa: tuple[tuple[str, int], ...]
    one_session: tuple[str, ...]
    leaks: tuple[tuple[str, ...], ...]
    n_without_recordist: int
    licences: Counter[str]
    sharing_terms: SharingTerms


def check_manifest(recordings: Sequence[Recording]) -> ManifestReport:
    """Look through a manifest.

    Parameters
    ----------
    recordings : sequence of Recording

    Returns
    -------
    Checked
    """
    birds = [each for each in recordings if not each.is_background]
    of_taxon = Counter(each.taxon for each in birds)
    sessions_by_taxon: dict[str, set[str]] = {}
    for each in birds:
        sessions_by_taxon.setdefault(each.taxon, set()).add(each.session)
    rare_taxa = [(taxon, n) for taxon, n in sorted(of_taxon.items()) if n < MIN_RECORDINGS]
    one = [
        taxon
        for taxon, sessions in sorted(sessions_by_taxon.items())
        if len(sessions) == 1 and of_taxon[taxon] >= MIN_RECORDINGS
    ]
    return ManifestReport(
        n_taxa=len(of_taxon),
        rare_taxa=tuple(rare_taxa),
        one_session=tuple(one),
        leaks=_leaks(recordings),
        n_without_recordist=sum(not each.recordist for each in recordings),
        licences=Counter(each.licence for each in recordings),
        sharing_terms=sharing_terms(each.licence for each in recordings),
    )


def _leaks(recordings: Sequence[Recording]) -> tuple[tuple[str, ...], ...]:
    """Recordings that belong together by what is known of them, and do not by their sessions."""
    groups: dict[str, list[Recording]] = {}
    for name, each in zip(infer_sessions(recordings), recordings, strict=True):
        groups.setdefault(name, []).append(each)
    torn = [own for own in groups.values() if len({each.session for each in own}) > 1]
    return tuple(tuple(each.name for each in own) for own in torn)
