"""Search the catalogue of xeno-canto with its API v3, and validate its rows.

A request is ``GET https://xeno-canto.org/api/3/recordings`` with ``query`` (tags such as
``gen:turdus sp:merula q:A grp:birds``), ``key``, ``page`` and ``per_page`` from 50 to 500. Anyone
can type the values of a row: each becomes a short line of text, or the row is rejected with a
reason.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from birdsong.errors import ConfigError, NetworkError
from birdsong.licences import parse_licence
from birdsong.recordings.connection import Connection
from birdsong.recordings.recording import UNIDENTIFIED

ADDRESS = "https://xeno-canto.org"
KEY_VARIABLE = "XENO_CANTO_KEY"
PER_PAGE = 500
_NO_GENERA = ("mystery", "sonus", "identity")  # of soundscapes and unidentified birds
_MAX_LENGTH = 300  # characters; a longer value is truncated
_REJECTED_LENGTH = 10_000  # characters; a row with a longer value is rejected
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_WORD = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")
_DURATION = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2}(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueRecording:
    """One recording in the catalogue.

    Attributes
    ----------
    xc_id : str
        Such as ``XC558716``.
    genus, species, subspecies, english_name, recordist : str
    kind : str
        Kinds of sound, such as ``song, call``.
    quality : str
        ``A`` (best) to ``E``; empty if unrated.
    country, place, date : str
    latitude, longitude : float or None
    length_s : float or None
    licence : str
        URL of the licence, or the text of the catalogue.
    also : tuple of str
        Species in the background.
    has_file : bool
        Whether the audio is public; that of threatened species is withheld.
    """

    xc_id: str
    genus: str
    species: str
    subspecies: str = ""
    english_name: str = ""
    recordist: str = ""
    kind: str = ""
    quality: str = ""
    country: str = ""
    place: str = ""
    date: str = ""
    latitude: float | None = None
    longitude: float | None = None
    length_s: float | None = None
    licence: str = ""
    also: tuple[str, ...] = ()
    has_file: bool = True

    @property
    def number(self) -> int:
        """The catalogue number."""
        return int(self.xc_id[2:])

    @property
    def scientific_name(self) -> str:
        """The binomial."""
        return f"{self.genus} {self.species}".strip()


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A row of the catalogue that is rejected, and the reason."""

    xc_id: str
    reason: str


class XenoCanto:
    """Client of the catalogue.

    Parameters
    ----------
    connection : Connection
    key : str
        API key of your account.
    address : str
        Address of the server, or of a mirror.

    Raises
    ------
    ConfigError
        If the key is empty.
    """

    def __init__(self, connection: Connection, key: str, *, address: str = ADDRESS) -> None:
        if not key:
            raise ConfigError("xeno-canto needs a key")
        self._connection = connection
        self._key = key
        self._url = f"{address.rstrip('/')}/api/3/recordings"

    def __repr__(self) -> str:  # without the key
        return f"XenoCanto({self._url!r})"

    def search(
        self, query: str, *, per_page: int = PER_PAGE
    ) -> Iterator[CatalogueRecording | InvalidRow]:
        """Yield all recordings that match a query.

        Parameters
        ----------
        query : str
            Search tags, see the advanced search of the site.
        per_page : int, 50 to 500

        Yields
        ------
        CatalogueRecording or InvalidRow
            Each recording once, even if the catalogue changes between two pages.

        Raises
        ------
        NetworkError
            If the server cannot be reached, refuses, or its response is not that of the API.
        ConfigError
            If `per_page` is out of range or the query is empty.
        """
        if not 50 <= per_page <= 500:
            raise ConfigError(f"per_page must be from 50 to 500, got {per_page}")
        if not query.strip():
            raise ConfigError("the query is empty; expected tags such as 'gen:turdus sp:merula'")
        seen: set[str] = set()
        page = n_pages = 1
        while page <= n_pages:
            response = self._connection.get_json(
                self._url,
                {"query": query, "key": self._key, "page": page, "per_page": per_page},
                secret=self._key,
            )
            rows, n_pages = _parse_page(response, query)
            for row in rows:
                found = parse_row(row)
                if found.xc_id not in seen:
                    seen.add(found.xc_id)
                    yield found
            page += 1


def read_key(file: Path | None = None) -> str:
    """Read the key from a file or from the environment variable ``XENO_CANTO_KEY``.

    Raises
    ------
    ConfigError
        If there is no key, or it is not one printable word.
    """
    if file is not None:
        try:
            key = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: the key cannot be read") from error
    else:
        key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        raise ConfigError(
            f"xeno-canto needs a key: copy it from your account page into {KEY_VARIABLE}, or "
            "into a file and name it with --key-file"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError("the key of xeno-canto must be one word of printable ASCII characters")
    return key


def parse_row(row: object) -> CatalogueRecording | InvalidRow:
    """Validate a row of the catalogue.

    Parameters
    ----------
    row : object
        Parsed JSON.

    Returns
    -------
    CatalogueRecording or InvalidRow
    """
    if not isinstance(row, Mapping):
        return InvalidRow("", "is not a row of the catalogue")
    number = str(row.get("id", ""))
    if not re.fullmatch(r"[0-9]{1,9}", number):
        return InvalidRow("", f"has no catalogue number but {_clean_line(number)[:40]!r}")
    xc_id = f"XC{int(number)}"
    for name, value in row.items():
        if isinstance(value, str) and len(value) > _REJECTED_LENGTH:
            return InvalidRow(
                xc_id, f"has {len(value)} characters in {_clean_line(str(name))[:40]!r}"
            )
    group = _clean_line(row.get("grp"))
    if group.lower() not in ("", "birds"):
        return InvalidRow(xc_id, f"is of the group {group[:40]!r}, not of birds")
    genus, species = _clean_line(row.get("gen")), _clean_line(row.get("sp"))
    if genus.lower() in _NO_GENERA:
        return InvalidRow(xc_id, "is a soundscape or unidentified, not of one species")
    if not _WORD.fullmatch(genus) or (species and not _WORD.fullmatch(species)):
        return InvalidRow(xc_id, f"is of {f'{genus} {species}'[:60]!r}, which is not a species")
    return CatalogueRecording(
        xc_id=xc_id,
        genus=genus.capitalize(),
        species="" if species.lower() in UNIDENTIFIED else species.lower(),
        subspecies=_clean_line(row.get("ssp")),
        english_name=_clean_line(row.get("en")),
        recordist=_clean_line(row.get("rec")),
        kind=_clean_line(row.get("type")),
        quality=quality if (quality := _clean_line(row.get("q")).upper()) in tuple("ABCDE") else "",
        country=_clean_line(row.get("cnt")),
        place=_clean_line(row.get("loc")),
        date=_clean_line(row.get("date")),
        latitude=_parse_degrees(row.get("lat"), 90),
        longitude=_parse_degrees(row.get("lon", row.get("lng")), 180),
        length_s=length_s(_clean_line(row.get("length"))),
        licence=_parse_licence(_clean_line(row.get("lic"))),
        also=_parse_names(row.get("also")),
        has_file=bool(_clean_line(row.get("file"))),
    )


def length_s(text: str) -> float | None:
    """Parse ``m:ss`` or ``h:mm:ss`` to seconds; None if it is neither."""
    found = _DURATION.fullmatch(text)
    if not found:
        return None
    hours, minutes, seconds = found.groups()
    return 3600.0 * int(hours or 0) + 60.0 * int(minutes) + float(seconds)


def _parse_page(response: Any, query: str) -> tuple[list[Any], int]:
    """The rows of a page, and the number of pages."""
    if isinstance(response, Mapping) and "error" in response:
        reason = _clean_line(response.get("message")) or _clean_line(response["error"])
        raise NetworkError(f"xeno-canto refuses the query {query!r}: {reason}")
    rows = response.get("recordings") if isinstance(response, Mapping) else None
    try:
        n_pages = int(response["numPages"])
    except (KeyError, TypeError, ValueError, OverflowError):
        n_pages = -1
    if not isinstance(rows, list) or not 0 <= n_pages < 100_000:
        raise NetworkError("xeno-canto's answer holds no recordings; its API may have changed")
    return rows, n_pages


def _clean_line(value: object) -> str:
    """Convert a value to one short line of text."""
    if value is None or isinstance(value, (Mapping, list)):
        return ""
    line = _UNPRINTABLE.sub(" ", str(value)).strip()
    line = line.encode("utf-8", "replace").decode()  # lone surrogates, which cannot be encoded
    return line if len(line) <= _MAX_LENGTH else f"{line[: _MAX_LENGTH - 1]}…"


def _parse_names(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else []
    return tuple(name for name in (_clean_line(each) for each in names[:100]) if name)


def _parse_degrees(value: object, limit: float) -> float | None:
    try:
        degrees = float(str(value))
    except ValueError:
        return None
    return degrees if math.isfinite(degrees) and abs(degrees) <= limit else None


def _parse_licence(text: str) -> str:
    known = parse_licence(text)
    if known:
        return known.url
    return text if urlsplit(text).scheme in ("", "http", "https") else ""


def download_url(xc_id: str, address: str = ADDRESS) -> str:
    """Return the URL of the audio file of a recording."""
    return f"{address.rstrip('/')}/{int(xc_id[2:])}/download"


def page_url(xc_id: str) -> str:
    """Return the web page of a recording; always that of xeno-canto, also with a mirror."""
    return f"{ADDRESS}/{int(xc_id[2:])}"
