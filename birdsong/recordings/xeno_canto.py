"""xeno-canto's catalogue: its API v3, page by page, and a row of it made safe to keep.

The API answers ``GET https://xeno-canto.org/api/3/recordings`` with ``query`` (tags such as
``gen:turdus sp:merula q:A grp:birds``), ``key``, ``page`` and ``per_page`` from 50 to 500. What it
answers is what strangers have typed: every value becomes a short line of text, or its row is left
out with a reason.
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
_SOUNDSCAPES = ("mystery", "sonus", "identity")  # genera that are none
_LONGEST = 300  # characters of a value that is kept
_REFUSED = 10_000  # a value this long was not typed by anyone
_LINE_BREAKS = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_WORD = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")
_LENGTH = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2}(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueRecording:
    """One recording of the catalogue.

    Attributes
    ----------
    xc_id : str
        ``XC558716``.
    genus, species, subspecies, english_name, recordist : str
    kind : str
        What is heard, as in ``song, call``.
    quality : str
        ``A`` (best) to ``E``; empty where nobody has judged.
    country, place, date : str
    latitude, longitude : float or None
    length_s : float or None
    licence : str
        Its address, or what stands in its place.
    also : tuple of str
        Species in the background.
    has_file : bool
        Whether the sound may be fetched; that of threatened species is kept back.
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
    """A row that cannot be used."""

    xc_id: str
    reason: str


class XenoCanto:
    """The catalogue.

    Parameters
    ----------
    connection : Connection
    key : str
        Of your account there.
    address : str
        Of the server; another one for a mirror.

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

    def __repr__(self) -> str:  # the key stays out of it
        return f"XenoCanto({self._url!r})"

    def search(
        self, query: str, *, per_page: int = PER_PAGE
    ) -> Iterator[CatalogueRecording | InvalidRow]:
        """Ask for all recordings that match.

        Parameters
        ----------
        query : str
            Tags, as on the site's page of advanced search.
        per_page : int, 50 to 500

        Yields
        ------
        Found or LeftOut
            Each recording once, though the catalogue may change between two pages.

        Raises
        ------
        NetworkError
            If the server cannot be reached, refuses, or answers otherwise than the API does.
        ConfigError
            If `per_page` is out of its range or the query is empty.
        """
        if not 50 <= per_page <= 500:
            raise ConfigError(f"per_page must be from 50 to 500, got {per_page}")
        if not query.strip():
            raise ConfigError("the query is empty; expected tags such as 'gen:turdus sp:merula'")
        seen: set[str] = set()
        page = n_pages = 1
        while page <= n_pages:
            answer = self._connection.get_json(
                self._url,
                {"query": query, "key": self._key, "page": page, "per_page": per_page},
                secret=self._key,
            )
            rows, n_pages = _page(answer, query)
            for row in rows:
                found = parse_row(row)
                if found.xc_id not in seen:
                    seen.add(found.xc_id)
                    yield found
            page += 1


def read_key(file: Path | None = None) -> str:
    """Take the key from a file, or else from the environment variable ``XENO_CANTO_KEY``.

    Raises
    ------
    ConfigError
        If there is none, or it cannot be one.
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
            f"xeno-canto needs a key: put the one of your account page into {KEY_VARIABLE}, or "
            "into a file that --key-file names"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError("what was given as xeno-canto's key is none: expected one word")
    return key


def parse_row(row: object) -> CatalogueRecording | InvalidRow:
    """Check a row of the catalogue.

    Parameters
    ----------
    row : object
        As JSON gave it.

    Returns
    -------
    Found or LeftOut
    """
    if not isinstance(row, Mapping):
        return InvalidRow("", "is no row of the catalogue")
    number = str(row.get("id", ""))
    if not re.fullmatch(r"[0-9]{1,9}", number):
        return InvalidRow("", f"has no catalogue number but {_line(number)[:40]!r}")
    xc_id = f"XC{int(number)}"
    for name, value in row.items():
        if isinstance(value, str) and len(value) > _REFUSED:
            return InvalidRow(xc_id, f"has {len(value)} characters in {_line(str(name))[:40]!r}")
    group = _line(row.get("grp"))
    if group.lower() not in ("", "birds"):
        return InvalidRow(xc_id, f"is of the group {group[:40]!r}, not of birds")
    genus, species = _line(row.get("gen")), _line(row.get("sp"))
    if genus.lower() in _SOUNDSCAPES:
        return InvalidRow(xc_id, "is a soundscape or a mystery, of no one species")
    if not _WORD.fullmatch(genus) or (species and not _WORD.fullmatch(species)):
        return InvalidRow(xc_id, f"is of {f'{genus} {species}'[:60]!r}, which is no species")
    return CatalogueRecording(
        xc_id=xc_id,
        genus=genus.capitalize(),
        species="" if species.lower() in UNIDENTIFIED else species.lower(),
        subspecies=_line(row.get("ssp")),
        english_name=_line(row.get("en")),
        recordist=_line(row.get("rec")),
        kind=_line(row.get("type")),
        quality=quality if (quality := _line(row.get("q")).upper()) in tuple("ABCDE") else "",
        country=_line(row.get("cnt")),
        place=_line(row.get("loc")),
        date=_line(row.get("date")),
        latitude=_degrees(row.get("lat"), 90),
        longitude=_degrees(row.get("lon", row.get("lng")), 180),
        length_s=length_s(_line(row.get("length"))),
        licence=_licence(_line(row.get("lic"))),
        also=_names(row.get("also")),
        has_file=bool(_line(row.get("file"))),
    )


def length_s(text: str) -> float | None:
    """Read ``m:ss`` or ``h:mm:ss``; None where it is neither."""
    found = _LENGTH.fullmatch(text)
    if not found:
        return None
    hours, minutes, seconds = found.groups()
    return 3600.0 * int(hours or 0) + 60.0 * int(minutes) + float(seconds)


def _page(answer: Any, query: str) -> tuple[list[Any], int]:
    """The rows of a page, and how many pages there are."""
    if isinstance(answer, Mapping) and "error" in answer:
        told = _line(answer.get("message")) or _line(answer["error"])
        raise NetworkError(f"xeno-canto refuses the query {query!r}: {told}")
    rows = answer.get("recordings") if isinstance(answer, Mapping) else None
    try:
        n_pages = int(answer["numPages"])
    except (KeyError, TypeError, ValueError, OverflowError):
        n_pages = -1
    if not isinstance(rows, list) or not 0 <= n_pages < 100_000:
        raise NetworkError("xeno-canto's answer holds no recordings; its API may have changed")
    return rows, n_pages


def _line(value: object) -> str:
    """One short line of text."""
    if value is None or isinstance(value, (Mapping, list)):
        return ""
    line = _LINE_BREAKS.sub(" ", str(value)).strip()
    line = line.encode("utf-8", "replace").decode()  # halves of a pair, which no file can hold
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _names(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else []
    return tuple(name for name in (_line(each) for each in names[:100]) if name)


def _degrees(value: object, most: float) -> float | None:
    try:
        degrees = float(str(value))
    except ValueError:
        return None
    return degrees if math.isfinite(degrees) and abs(degrees) <= most else None


def _licence(text: str) -> str:
    known = parse_licence(text)
    if known:
        return known.url
    return text if urlsplit(text).scheme in ("", "http", "https") else ""


def download_url(xc_id: str, address: str = ADDRESS) -> str:
    """Return where the sound of a recording is fetched."""
    return f"{address.rstrip('/')}/{int(xc_id[2:])}/download"


def page_url(xc_id: str) -> str:
    """Return the page of a recording, which tells whose it is; the site's own, whoever is asked."""
    return f"{ADDRESS}/{int(xc_id[2:])}"
