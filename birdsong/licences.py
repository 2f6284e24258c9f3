"""Licences of recordings: Creative Commons' by their names, and what they allow of a model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

_ADDRESS = re.compile(
    r"(?:https?:)?//(?:www\.)?creativecommons\.org/(licenses|publicdomain)/([a-z-]+)/([0-9.]+)(?:/.*)?",
    re.IGNORECASE,
)
_NAME = re.compile(r"CC[ -]?(BY(?:-(?:NC|SA|ND))*|0)[ -]?([0-9](?:\.[0-9])?)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Licence:
    """One of Creative Commons' licences.

    Attributes
    ----------
    name : str
        As in ``CC BY-NC-SA 4.0``.
    url : str
    terms : frozenset of str
        Of ``by``, ``nc``, ``nd`` and ``sa``; empty for what is in the public domain.
    """

    name: str
    url: str
    terms: frozenset[str]


def parse_licence(text: str) -> Licence | None:
    """Recognise a licence by its address, with or without a scheme, or by its name.

    Returns
    -------
    Licence or None
        None for one that is none of Creative Commons', or not known.
    """
    text = text.strip()
    if found := _ADDRESS.fullmatch(text):
        kind, code, version = found[1].lower(), found[2].lower(), found[3]
    elif found := _NAME.fullmatch(text):
        code, version = found[1].lower(), found[2] or ""
        kind = "publicdomain" if code == "0" else "licenses"
        version = version or ("1.0" if kind == "publicdomain" else "4.0")
        code = "zero" if code == "0" else code
    else:
        return None
    url = f"https://creativecommons.org/{kind}/{code}/{version}/"
    if kind == "publicdomain":
        return Licence(f"CC0 {version}" if code == "zero" else "public domain", url, frozenset())
    return Licence(f"CC {code.upper()} {version}", url, frozenset(code.split("-")))


@dataclass(frozen=True, slots=True)
class SharingTerms:
    """Whether a model trained on recordings may be shared, read strictly.

    Whether a model is an adaptation of what it learned from is not settled; who takes it for one is
    on the safe side. This is no legal advice.

    Attributes
    ----------
    may_be_shared : bool
    licence : str
        Under which licence; empty where none fits, or not all licences are known.
    reasons : tuple of str
        Sentences.
    """

    may_be_shared: bool
    licence: str
    reasons: tuple[str, ...]


def sharing_terms(licences: Iterable[str]) -> SharingTerms:
    """Judge the licences of the recordings that a model is to learn from.

    Parameters
    ----------
    licences : iterable of str
        One for each recording; empty where it is not known.

    Returns
    -------
    Verdict
    """
    counts = Counter(licences)
    known = {text: parse_licence(text) for text in counts}
    n_unknown = sum(n for text, n in counts.items() if known[text] is None)
    terms_of = {text: licence.terms for text, licence in known.items() if licence is not None}

    def with_term(term: str) -> int:
        return sum(counts[text] for text, terms in terms_of.items() if term in terms)

    reasons = []
    if n_unknown:
        reasons.append(
            f"recordings whose licence is not known: {n_unknown}; until it is, nothing can be "
            "promised; `birdsong manifest refresh` looks them up"
        )
    if n_nd := with_term("nd"):
        reasons.append(
            f"recordings that allow no derivatives: {n_nd}; leave them out of a model to be shared"
        )
    share_alike = {terms for terms in terms_of.values() if "sa" in terms}
    is_commercial = not with_term("nc")
    if not is_commercial:
        reasons.append(
            f"recordings that exclude commercial use: {with_term('nc')}; so does the model"
        )
    if len(share_alike) > 1 or (share_alike and {"by", "sa"} in share_alike and not is_commercial):
        reasons.append(
            "some recordings ask for the same licence without a ban on commercial use, others for "
            "it with the ban: no licence satisfies both to the letter; the stricter one is usual"
        )
    licence = "CC BY"
    if not is_commercial:
        licence += "-NC"
    if share_alike:
        licence += "-SA"
    may = not n_nd and not n_unknown and bool(counts)
    if may:
        reasons.append("name the recordists: `attribution.csv` goes with images and models")
    return SharingTerms(may, f"{licence} 4.0" if may else "", tuple(reasons))
