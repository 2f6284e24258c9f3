"""Creative Commons licences of recordings, and the licence of a model trained on them."""

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
    """A Creative Commons licence.

    Attributes
    ----------
    name : str
        Such as ``CC BY-NC-SA 4.0``.
    url : str
    terms : frozenset of str
        Subset of ``by``, ``nc``, ``nd`` and ``sa``; empty for the public domain.
    """

    name: str
    url: str
    terms: frozenset[str]


def parse_licence(text: str) -> Licence | None:
    """Parse the URL of a licence, with or without a scheme, or its name.

    Returns
    -------
    Licence or None
        None if the text is not a Creative Commons licence.
    """
    text = text.strip()
    if match := _ADDRESS.fullmatch(text):
        kind, code, version = match[1].lower(), match[2].lower(), match[3]
    elif match := _NAME.fullmatch(text):
        code, version = match[1].lower(), match[2] or ""
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
    """Whether a model trained on recordings may be shared, in a strict reading.

    The law has not settled whether a model is an adaptation of its training data. Treating it as
    one is the safe choice. This is no legal advice.

    Attributes
    ----------
    may_be_shared : bool
    licence : str
        Licence of the model; empty if no licence fits or one of the licences is unknown.
    reasons : tuple of str
        One sentence each.
    """

    may_be_shared: bool
    licence: str
    reasons: tuple[str, ...]


def sharing_terms(licences: Iterable[str]) -> SharingTerms:
    """Combine the licences of a model's training recordings.

    Parameters
    ----------
    licences : iterable of str
        One for each recording; empty if unknown.

    Returns
    -------
    SharingTerms
    """
    counts = Counter(licences)
    parsed = {text: parse_licence(text) for text in counts}
    n_unknown = sum(n for text, n in counts.items() if parsed[text] is None)
    terms_of = {text: licence.terms for text, licence in parsed.items() if licence is not None}

    def count_with_term(term: str) -> int:
        return sum(counts[text] for text, terms in terms_of.items() if term in terms)

    reasons = []
    if n_unknown:
        reasons.append(
            f"recordings whose licence is not known: {n_unknown}; look it up with "
            "`birdsong manifest refresh`"
        )
    if n_nd := count_with_term("nd"):
        reasons.append(
            f"recordings that allow no derivatives: {n_nd}; a model to be shared must not use them"
        )
    share_alike = {terms for terms in terms_of.values() if "sa" in terms}
    allows_commercial = not count_with_term("nc")
    if not allows_commercial:
        reasons.append(
            f"recordings that exclude commercial use: {count_with_term('nc')}; "
            "the model excludes it too"
        )
    if len(share_alike) > 1 or (
        share_alike and {"by", "sa"} in share_alike and not allows_commercial
    ):
        reasons.append(
            "some share-alike licences allow commercial use and others forbid it: no licence "
            "satisfies both exactly; the stricter one is usual"
        )
    licence = "CC BY"
    if not allows_commercial:
        licence += "-NC"
    if share_alike:
        licence += "-SA"
    may_be_shared = not n_nd and not n_unknown and bool(counts)
    if may_be_shared:
        reasons.append("credit the recordists: share `attribution.csv` with images and models")
    return SharingTerms(may_be_shared, f"{licence} 4.0" if may_be_shared else "", tuple(reasons))
