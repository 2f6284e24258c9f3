"""Check a manifest for rare taxa, leaks between sessions, and licences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from birdsong.licences import SharingTerms, sharing_terms
from birdsong.recordings.recording import Recording
from birdsong.recordings.sessions import infer_sessions

MIN_RECORDINGS = 6
"""A taxon with fewer recordings is too rare for a label."""


@dataclass(frozen=True, slots=True)
class ManifestReport:
    """Result of `check_manifest`.

    Attributes
    ----------
    n_taxa : int
    rare_taxa : tuple of (str, int)
        Taxa with fewer than `MIN_RECORDINGS` recordings, and their numbers.
    one_session : tuple of str
        Taxa whose recordings are all of one session, so that none is left for a test.
    leaks : tuple of tuple of str
        Groups of recordings that were probably made together but have different sessions.
    n_without_recordist : int
    licences : Counter of str
    sharing_terms : SharingTerms
        Whether a model trained on all recordings may be shared.
    """

    n_taxa: int
    rare_taxa: tuple[tuple[str, int], ...]
    one_session: tuple[str, ...]
    leaks: tuple[tuple[str, ...], ...]
    n_without_recordist: int
    licences: Counter[str]
    sharing_terms: SharingTerms


def check_manifest(recordings: Sequence[Recording]) -> ManifestReport:
    """Check the columns of a manifest.

    Parameters
    ----------
    recordings : sequence of Recording

    Returns
    -------
    ManifestReport
    """
    birds = [each for each in recordings if not each.is_background]
    n_of_taxon = Counter(each.taxon for each in birds)
    sessions_by_taxon: dict[str, set[str]] = {}
    for each in birds:
        sessions_by_taxon.setdefault(each.taxon, set()).add(each.session)
    rare_taxa = [(taxon, n) for taxon, n in sorted(n_of_taxon.items()) if n < MIN_RECORDINGS]
    single_session = [
        taxon
        for taxon, sessions in sorted(sessions_by_taxon.items())
        if len(sessions) == 1 and n_of_taxon[taxon] >= MIN_RECORDINGS
    ]
    return ManifestReport(
        n_taxa=len(n_of_taxon),
        rare_taxa=tuple(rare_taxa),
        one_session=tuple(single_session),
        leaks=_leaks(recordings),
        n_without_recordist=sum(not each.recordist for each in recordings),
        licences=Counter(each.licence for each in recordings),
        sharing_terms=sharing_terms(each.licence for each in recordings),
    )


def _leaks(recordings: Sequence[Recording]) -> tuple[tuple[str, ...], ...]:
    """Groups of recordings that `infer_sessions` puts in one session, unlike the manifest."""
    groups: dict[str, list[Recording]] = {}
    for name, each in zip(infer_sessions(recordings), recordings, strict=True):
        groups.setdefault(name, []).append(each)
    leaks = [group for group in groups.values() if len({each.session for each in group}) > 1]
    return tuple(tuple(each.name for each in group) for group in leaks)
