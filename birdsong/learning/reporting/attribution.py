"""Section of the model card about attribution: recordists, licences and recordings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from birdsong.errors import DatasetError
from birdsong.learning.reporting.markdown import escape, link, table
from birdsong.licences import parse_licence

NOT_KNOWN = "not known, see the recording's page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A recording and its recordist; empty fields are unknown.

    Attributes
    ----------
    recording : str
        Name in the bundle.
    title : str
        Name for readers: its catalogue number.
    session, recordist, licence, url : str
    """

    recording: str
    title: str
    session: str
    recordist: str = ""
    licence: str = ""
    url: str = ""


def learned_from(
    credits: Iterable[Credit], sessions: Set[str], manifest: str
) -> tuple[Credit, ...]:
    """Return the recordings of the sessions that a bundle learned from.

    Parameters
    ----------
    credits : iterable of Credit
    sessions : set of str
        The bundle's.
    manifest : str
        Path of the manifest, for error messages.

    Raises
    ------
    DatasetError
        If there are none.
    """
    chosen = tuple(credit for credit in credits if credit.session in sessions)
    if not chosen:
        raise DatasetError(
            f"{manifest}: holds none of the {len(sessions)} sessions that the bundle learned from; "
            "name the manifest that it was trained from with --manifest"
        )
    return chosen


def credits_section(credits: Sequence[Credit], n_missing: int) -> str:
    """Markdown of the recordists and licences.

    Parameters
    ----------
    credits : sequence of Credit
        At least one.
    n_missing : int
        Training recordings that are not among `credits`.

    Returns
    -------
    str
        Markdown: counts, a table of licences, and a table of recordists with links to the pages of
        their recordings.
    """
    licences = Counter(_licence(credit.licence) for credit in credits)
    n_unnamed = sum(not credit.recordist for credit in credits)
    n_recordists = len({credit.recordist for credit in credits} - {""})
    missing = (
        f" {n_missing} recordings are not in the manifest, so that their recordists are not known."
        if n_missing > 0
        else ""
    )
    return "\n\n".join(
        [
            f"{len(credits)} recordings, shared by {n_recordists} recordists. The manifest "
            f"lacks the recordist of {n_unnamed} and the licence of "
            f"{sum(not credit.licence for credit in credits)}; see the pages of these recordings."
            f"{missing}",
            table(
                ["licence", "recordings"], [[name, str(n)] for name, n in licences.most_common()]
            ),
            table(["recordist", "licence", "recordings"], _rows(credits)),
        ]
    )


def _rows(credits: Sequence[Credit]) -> list[list[str]]:
    """Rows of recordist, licence and recordings, sorted by recordist, unknown ones last."""
    groups: defaultdict[tuple[str, str], list[Credit]] = defaultdict(list)
    for credit in credits:
        groups[credit.recordist, _licence(credit.licence)].append(credit)
    ordered = sorted(groups, key=lambda key: (not key[0], key[0].casefold(), *key))
    return [
        [
            escape(recordist) or NOT_KNOWN,
            licence,
            ", ".join(link(credit.title, credit.url) for credit in groups[recordist, licence]),
        ]
        for recordist, licence in ordered
    ]


def _licence(licence: str) -> str:
    """Name of a licence: a linked short name for Creative Commons, else the text as it is."""
    known = parse_licence(licence)
    return link(known.name, known.url) if known else escape(licence) or NOT_KNOWN
