"""Whom a model learned from: recordists, licences and recordings, as a section of its card."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from birdsong.errors import DatasetError
from birdsong.learning.reporting.markdown import link, plain, table
from birdsong.licences import parse_licence

NOT_KNOWN = "not known, see the recording's page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A recording and whose it is; what is empty is not known.

    Attributes
    ----------
    recording : str
        What the bundle calls it.
    title : str
        What readers call it: its catalogue number.
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
        What errors call the table that the credits are from.

    Raises
    ------
    DatasetError
        If there is none.
    """
    chosen = tuple(credit for credit in credits if credit.session in sessions)
    if not chosen:
        raise DatasetError(
            f"{manifest}: holds none of the {len(sessions)} sessions that the bundle learned from; "
            "name the manifest that it was trained from with --manifest"
        )
    return chosen


def credits_section(credits: Sequence[Credit], n_missing: int) -> str:
    """Lay out who recorded what, under which licence.

    Parameters
    ----------
    credits : sequence of Credit
        At least one.
    n_missing : int
        Recordings that were learned from and are not among them.

    Returns
    -------
    str
        Markdown: a sentence of counts, licences by number, and a row for each recordist and
        licence with links to the recordings' pages.
    """
    licences = Counter(_licence(credit.licence) for credit in credits)
    n_unnamed = sum(not credit.recordist for credit in credits)
    n_recordists = len({credit.recordist for credit in credits} - {""})
    missing = (
        f" Recordings that are not in the manifest, so that nothing tells whose they are: "
        f"{n_missing}."
        if n_missing > 0
        else ""
    )
    return "\n\n".join(
        [
            f"{len(credits)} recordings, shared by {n_recordists} recordists. Of {n_unnamed} the "
            "manifest does not know the recordist, and of "
            f"{sum(not credit.licence for credit in credits)} not the licence; the recordings' "
            f"pages tell.{missing}",
            table(
                ["licence", "recordings"], [[name, str(n)] for name, n in licences.most_common()]
            ),
            table(["recordist", "licence", "recordings"], _rows(credits)),
        ]
    )


def _rows(credits: Sequence[Credit]) -> list[list[str]]:
    """A row for each recordist and licence, by name, those who are not known last."""
    groups: defaultdict[tuple[str, str], list[Credit]] = defaultdict(list)
    for credit in credits:
        groups[credit.recordist, _licence(credit.licence)].append(credit)
    ordered = sorted(groups, key=lambda key: (not key[0], key[0].casefold(), *key))
    return [
        [
            plain(recordist) or NOT_KNOWN,
            licence,
            ", ".join(link(credit.title, credit.url) for credit in groups[recordist, licence]),
        ]
        for recordist, licence in ordered
    ]


def _licence(licence: str) -> str:
    """Name a licence: Creative Commons' by their short names, linked, the others as they are."""
    known = parse_licence(licence)
    return link(known.name, known.url) if known else plain(licence) or NOT_KNOWN
