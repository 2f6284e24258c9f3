"""Build a manifest from a catalogue or from a folder of recordings."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from birdsong.recordings.audio_folder import SkippedFile, find_audio_files
from birdsong.recordings.manifest import read_manifest
from birdsong.recordings.manifest_rows import path_problem
from birdsong.recordings.recording import BACKGROUND, KIND, ORIGINAL_NAME, Recording
from birdsong.recordings.sessions import infer_sessions
from birdsong.recordings.taxon_names import nearest_folder_name
from birdsong.recordings.xeno_canto import CatalogueRecording, page_url

_CATALOGUE_NUMBER = re.compile(r"XC([0-9]{1,9})(?![0-9])", re.IGNORECASE)


def manifest_from_catalogue(found: Sequence[CatalogueRecording]) -> list[Recording]:
    """Turn recordings of the catalogue into rows of a manifest.

    Parameters
    ----------
    found : sequence of CatalogueRecording

    Returns
    -------
    list of Recording
        In the same order, with sessions. Facts without a standard column are in extra columns.
    """
    recordings = [
        Recording(
            xc_id=each.xc_id,
            url=page_url(each.xc_id),
            genus=each.genus,
            species=each.species,
            english_name=each.english_name,
            recordist=each.recordist,
            licence=each.licence,
            extra={
                "subspecies": each.subspecies,
                "kind": each.kind,
                "quality": each.quality,
                "country": each.country,
                "place": each.place,
                "date": each.date,
                "latitude": "" if each.latitude is None else f"{each.latitude:g}",
                "longitude": "" if each.longitude is None else f"{each.longitude:g}",
                "length_s": "" if each.length_s is None else f"{each.length_s:g}",
                "also": "; ".join(each.also),
            },
        )
        for each in found
    ]
    return assign_sessions(recordings)


@dataclass(frozen=True, slots=True)
class FolderScan:
    """The recordings of a folder.

    Attributes
    ----------
    recordings : tuple of Recording
    unidentified : tuple of str
        Files without a known species, relative to the folder.
    invalid_paths : tuple of (str, str)
        Files whose path a manifest cannot hold, and why.
    skipped : tuple of SkippedFile
        Files that are not recordings.
    """

    recordings: tuple[Recording, ...]
    unidentified: tuple[str, ...]
    invalid_paths: tuple[tuple[str, str], ...] = ()
    skipped: tuple[SkippedFile, ...] = ()


def scan_folder(audio: Path, table: Path | None = None) -> FolderScan:
    """Find the recordings of a folder and their species.

    The species comes from the table or else from the nearest folder with the name of a species
    (``Turdus_merula``). The table is a manifest; its sessions are optional. A folder with the name
    of a noise (``Background_noise``) holds recordings without a bird. `find_audio_files` decides
    which files count.

    Parameters
    ----------
    audio : Path
    table : Path, optional

    Returns
    -------
    FolderScan
        Recordings sorted by name, with the sessions of the table or else of `infer_sessions`.

    Raises
    ------
    ManifestError
        If the folder does not exist, or the table cannot be read.
    """
    listing = find_audio_files(audio)
    rows = read_manifest(table) if table is not None else []
    keeps_sessions = has_session_column(table) if table is not None else False
    by_file = {row.file.casefold(): row for row in rows if row.file}
    by_number = {row.xc_id.upper(): row for row in rows if row.xc_id}
    recordings, unidentified, invalid_paths = [], [], []
    for path in listing.files:
        name = path.relative_to(audio).as_posix()
        if problem := path_problem(name) or _text_problem(name):
            invalid_paths.append((name, problem))
            continue
        number = _CATALOGUE_NUMBER.match(path.stem)
        xc_id = f"XC{int(number[1])}" if number else ""
        row = by_file.get(name.casefold()) or by_number.get(xc_id)
        if row is None:
            row = _recording_from_folder(path.relative_to(audio))
        if row is None:
            unidentified.append(name)
            continue
        recordings.append(
            replace(
                row,
                file=name,
                xc_id=row.xc_id or xc_id,
                url=row.url or (page_url(xc_id) if xc_id else ""),
                session=row.session if keeps_sessions else "",
            )
        )
    return FolderScan(
        tuple(recordings if keeps_sessions else assign_sessions(recordings)),
        tuple(unidentified),
        tuple(invalid_paths),
        listing.skipped,
    )


def has_session_column(table: Path) -> bool:
    """Whether a manifest has a column of sessions."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        return "session" in next(csv.reader(file), [])


def assign_sessions(recordings: Sequence[Recording]) -> list[Recording]:
    """Replace the session of each recording by the one that `infer_sessions` finds."""
    return [
        replace(recording, session=session)
        for recording, session in zip(recordings, infer_sessions(recordings), strict=True)
    ]


def _recording_from_folder(path: Path) -> Recording | None:
    """Recording named by the folders above it; None if they name neither a bird nor a noise."""
    name = nearest_folder_name(path.parent.parts)
    if name is None or name.kind == "unidentified":
        return None
    extra = {KIND: BACKGROUND} if name.kind == "background" else {}
    if name.original_name:
        extra[ORIGINAL_NAME] = name.original_name
    return Recording(file=path.as_posix(), genus=name.genus, species=name.species, extra=extra)


def _text_problem(name: str) -> str:
    """Say why a manifest could not hold this file name; empty if it can."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "must be written in UTF-8"
    return "must not begin with a space" if name != name.strip() else ""
