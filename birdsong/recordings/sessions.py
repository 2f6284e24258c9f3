"""Group recordings that may be of one individual bird into sessions.

`splits` keeps each session in one split. So a test measures how well a model recognises birds that
are not in its training data.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from birdsong.recordings.recording import Recording

MAX_NUMBER_GAP = 5
"""Catalogue numbers at most this far apart are neighbours."""
SAME_PLACE_KM = 1.0
"""Points at most this far apart are the same place: one bird may be audible at both."""
KM_PER_DEGREE = 111.2
_DAY = re.compile(r"[0-9]{4}-(?!00)[0-9]{2}-(?!00)[0-9]{2}")  # ``2019-05-00``: the day is unknown

Point: TypeAlias = tuple[float, float]
"""Latitude and longitude, in degrees."""


def infer_sessions(recordings: Sequence[Recording]) -> list[str]:
    """Find the sessions of a manifest; its own column of sessions is ignored.

    The extra columns ``place``, ``date``, ``latitude`` and ``longitude`` are used if they exist.

    Parameters
    ----------
    recordings : sequence of Recording

    Returns
    -------
    list of str, length n_recordings
        Session names, see `group_sessions`.
    """
    return group_sessions(
        [each.taxon for each in recordings],
        [each.recordist for each in recordings],
        [each.extra.get("place", "") for each in recordings],
        [date if _DAY.fullmatch(date := each.extra.get("date", "")) else "" for each in recordings],
        [int(each.xc_id[2:]) if each.xc_id else None for each in recordings],
        points=[_point(each) for each in recordings],
        names=[each.name for each in recordings],
    )


def group_sessions(
    species: Sequence[str],
    recordists: Sequence[str],
    places: Sequence[str],
    dates: Sequence[str],
    numbers: Sequence[int | None],
    *,
    points: Sequence[Point | None] | None = None,
    names: Sequence[str] | None = None,
) -> list[str]:
    """Group recordings that may be of one individual bird.

    Recordings of one species are one session if recordist, place and date are the same. If one of
    these is unknown, neighbours in the catalogue are one session too, unless their recordist,
    place or date is known to differ: people upload their recordings of a day in one go.

    Parameters
    ----------
    species, recordists, places, dates : sequence of str, length n_recordings
        Empty if unknown.
    numbers : sequence of int or None, length n_recordings
        Catalogue numbers.
    points : sequence of (latitude, longitude) or None, length n_recordings, optional
        In degrees. Two points within `SAME_PLACE_KM` are the same place, whatever their names.
    names : sequence of str, length n_recordings, optional
        Names of the recordings; by default the catalogue number or the position.

    Returns
    -------
    list of str, length n_recordings
        Session names. A name depends only on the recordings of the session, so it stays the same
        in every manifest.
    """
    n = len(species)
    points = points or [None] * n
    names = names or [str(number or f"at {i}") for i, number in enumerate(numbers)]
    origins = [_Origin(*each) for each in zip(recordists, places, dates, points, strict=True)]
    parent = list(range(n))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    same_day: dict[tuple[str, str, str], list[int]] = {}
    for i, each in enumerate(origins):
        if each.is_complete:
            same_day.setdefault((species[i], each.recordist, each.date), []).append(i)
    for indices in same_day.values():
        for i, j in itertools.combinations(indices, 2):
            if _is_same_place(origins[i], origins[j]):
                parent[find(j)] = find(i)
    numbered = sorted((species[i], number, i) for i, number in enumerate(numbers) if number)
    for position, (first, first_number, i) in enumerate(numbered):
        for second, second_number, j in numbered[position + 1 :]:
            if first != second or second_number - first_number > MAX_NUMBER_GAP:
                break
            if not _differ(origins[i], origins[j]):
                parent[find(j)] = find(i)
    members: dict[int, list[str]] = {}
    for i, each in enumerate(origins):
        identity = f"{each.recordist}|{each.place}|{each.date}" if each.is_complete else names[i]
        members.setdefault(find(i), []).append(f"{species[i]}|{identity}")
    name_of_root = {
        root: hashlib.sha256(min(keys).encode()).hexdigest()[:10] for root, keys in members.items()
    }
    return [name_of_root[find(i)] for i in range(n)]


class _Origin(NamedTuple):
    """Recordist, place and date of a recording; empty or None if unknown."""

    recordist: str
    place_name: str
    date: str
    point: Point | None

    @property
    def place(self) -> str:
        """Name and coordinates, rounded to about a kilometre, as far as known."""
        point = f" {self.point[0]:.2f} {self.point[1]:.2f}" if self.point else ""
        return f"{self.place_name}{point}".strip()

    @property
    def is_complete(self) -> bool:
        """Whether recordist, place and date are all known."""
        return bool(self.recordist and self.place and self.date)


def _differ(first: _Origin, second: _Origin) -> bool:
    """Whether recordist, place or date are known to differ."""
    recordists, dates = (first.recordist, second.recordist), (first.date, second.date)
    is_comparable = (first.point and second.point) or (first.place_name and second.place_name)
    is_elsewhere = bool(is_comparable) and not _is_same_place(first, second)
    return is_elsewhere or any(all(pair) and pair[0] != pair[1] for pair in (recordists, dates))


def _is_same_place(first: _Origin, second: _Origin) -> bool:
    """Compare two known places: by distance if both have coordinates, else by name."""
    if first.point is None or second.point is None:
        return first.place_name == second.place_name
    north_km = KM_PER_DEGREE * (first.point[0] - second.point[0])
    degrees_east = (first.point[1] - second.point[1] + 180) % 360 - 180
    east_km = KM_PER_DEGREE * degrees_east * math.cos(math.radians(first.point[0]))
    return math.hypot(north_km, east_km) <= SAME_PLACE_KM


def _point(recording: Recording) -> Point | None:
    try:
        latitude, longitude = (
            float(recording.extra.get(column, "")) for column in ("latitude", "longitude")
        )
    except ValueError:
        return None
    is_on_earth = abs(latitude) <= 90 and abs(longitude) <= 180  # false for nan
    return (latitude, longitude) if is_on_earth else None
