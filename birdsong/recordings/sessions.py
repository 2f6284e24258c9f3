"""What belongs together: recordings of one bird, or of what may have been one, are a session.

Everything that divides recordings keeps a session on one side, see `splits`; so what is measured is
how birds are recognised that were never heard.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from birdsong.recordings.recording import Recording

NEIGHBOURS = 5
"""Catalogue numbers that are no further apart are neighbours."""
SAME_PLACE_KM = 1.0
"""Points that are no further apart are one place: a bird is heard from there, or flies over."""
KM_PER_DEGREE = 111.2
_DAY = re.compile(r"[0-9]{4}-(?!00)[0-9]{2}-(?!00)[0-9]{2}")  # ``2019-05-00``: the day is not known

Point: TypeAlias = tuple[float, float]
"""Latitude and longitude, in degrees."""


def infer_sessions(recordings: Sequence[Recording]) -> list[str]:
    """Say which recordings of a manifest belong together, whatever its own column says.

    Beside the standard columns it looks at ``place``, ``date``, ``latitude`` and ``longitude``,
    where a manifest has them.

    Parameters
    ----------
    recordings : sequence of Recording

    Returns
    -------
    list of str, length n_recordings
        As `group_sessions` names them.
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
    """Say which recordings were made of one bird, or may have been, from what is known of them.

    Recordings of one species belong together if one recordist made them at one place on one date.
    Where any of these is not known, those belong together that are neighbours in the catalogue,
    unless they are known to be of different recordists, places or dates: what someone brings home
    is uploaded in one go.

    Parameters
    ----------
    species, recordists, places, dates : sequence of str, length n_recordings
        Empty where not known.
    numbers : sequence of int or None, length n_recordings
        In the catalogue.
    points : sequence of (latitude, longitude) or None, length n_recordings, optional
        In degrees. Two points within `SAME_PLACE_KM` are one place, whatever it is called.
    names : sequence of str, length n_recordings, optional
        What each recording is called; by default its number in the catalogue, or its position.

    Returns
    -------
    list of str, length n_recordings
        A name for each session, made of the facts that its recordings share or of their names, so
        that it does not depend on what else is in a manifest.
    """
    n = len(species)
    points = points or [None] * n
    names = names or [str(number or f"at {i}") for i, number in enumerate(numbers)]
    facts = [_Facts(*each) for each in zip(recordists, places, dates, points, strict=True)]
    leader = list(range(n))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    on_one_day: dict[tuple[str, str, str], list[int]] = {}
    for i, each in enumerate(facts):
        if each.are_known:
            on_one_day.setdefault((species[i], each.recordist, each.date), []).append(i)
    for own in on_one_day.values():
        for i, j in itertools.combinations(own, 2):
            if _is_one_place(facts[i], facts[j]):
                leader[find(j)] = find(i)
    numbered = sorted((species[i], number, i) for i, number in enumerate(numbers) if number)
    for at, (one, low, i) in enumerate(numbered):
        for other, high, j in numbered[at + 1 :]:
            if one != other or high - low > NEIGHBOURS:
                break
            if not _differ(facts[i], facts[j]):
                leader[find(j)] = find(i)
    members: dict[int, list[str]] = {}
    for i, each in enumerate(facts):
        told = f"{each.recordist}|{each.place}|{each.date}" if each.are_known else names[i]
        members.setdefault(find(i), []).append(f"{species[i]}|{told}")
    name_of = {
        root: hashlib.sha256(min(own).encode()).hexdigest()[:10] for root, own in members.items()
    }
    return [name_of[find(i)] for i in range(n)]


class _Facts(NamedTuple):
    """What tells whether two recordings were made together; empty or None where not known."""

    recordist: str
    words: str
    date: str
    point: Point | None

    @property
    def place(self) -> str:
        """In words and coordinates to about a kilometre, as far as they are known."""
        point = f" {self.point[0]:.2f} {self.point[1]:.2f}" if self.point else ""
        return f"{self.words}{point}".strip()

    @property
    def are_known(self) -> bool:
        """Whether all of them are."""
        return bool(self.recordist and self.place and self.date)


def _differ(one: _Facts, other: _Facts) -> bool:
    """Whether two recordings are known to be of different recordists, places or dates."""
    recordists, dates = (one.recordist, other.recordist), (one.date, other.date)
    can_tell = (one.point and other.point) or (one.words and other.words)
    is_elsewhere = bool(can_tell) and not _is_one_place(one, other)
    return is_elsewhere or any(all(pair) and pair[0] != pair[1] for pair in (recordists, dates))


def _is_one_place(one: _Facts, other: _Facts) -> bool:
    """Whether two known places are one: by distance where both have coordinates, else by name."""
    if one.point is None or other.point is None:
        return one.words == other.words
    north_km = KM_PER_DEGREE * (one.point[0] - other.point[0])
    degrees_east = (one.point[1] - other.point[1] + 180) % 360 - 180
    east_km = KM_PER_DEGREE * degrees_east * math.cos(math.radians(one.point[0]))
    return math.hypot(north_km, east_km) <= SAME_PLACE_KM


def _point(recording: Recording) -> Point | None:
    try:
        latitude, longitude = (
            float(recording.extra.get(column, "")) for column in ("latitude", "longitude")
        )
    except ValueError:
        return None
    is_on_earth = abs(latitude) <= 90 and abs(longitude) <= 180  # nan is nowhere
    return (latitude, longitude) if is_on_earth else None
