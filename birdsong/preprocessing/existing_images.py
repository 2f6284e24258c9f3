"""What earlier runs of preprocessing left in a folder, and what of it a new run would lose.

Images can take days to make, and their recordings may be on another drive by now. So a run that
would remove images which it does not make again, or make them in another way, stops before it
changes anything; see `require_kept`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birdsong.errors import DatasetError, OverwriteError
from birdsong.images import store, tables
from birdsong.overwrite import REPLACE
from birdsong.runs.journal import JOURNAL
from birdsong.runs.work_item import WorkItem
from birdsong.sound.spectrogram import SpectrogramConfig

_MAX_SETTINGS = 3


@dataclass(frozen=True, slots=True)
class Existing:
    """What a folder holds.

    Attributes
    ----------
    n_images : Mapping of str to int
        How many images are there of each recording that an earlier run finished.
    settings : Mapping
        How they were made: the content of ``config.json``; empty in a new folder.
    """

    n_images: Mapping[str, int]
    settings: Mapping[str, Any]


def read_existing(folder: Path) -> Existing:
    """Read what earlier runs left in a folder; what cannot be read is not known.

    The journal knows of unfinished runs, too; where it is gone, the index tells.
    """
    images: dict[str, int] = {}
    if (folder / JOURNAL).exists():
        for recording, names in _journal(folder / JOURNAL):
            images[recording] = sum((folder / name).exists() for name in names)
    elif (folder / tables.INDEX).exists():
        with suppress(DatasetError):
            for row in tables.read_index(folder):
                is_there = (folder / row.image).exists()
                images[row.recording] = images.get(row.recording, 0) + is_there
    settings: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        settings = json.loads((folder / store.CONFIG).read_text(encoding="utf-8"))
    return Existing(images, settings)


def require_kept(
    folder: Path, existing: Existing, work: Mapping[str, WorkItem], settings: Mapping[str, Any]
) -> None:
    """See that a run keeps, or makes again in the same way, what is in the folder.

    Parameters
    ----------
    folder : Path
    existing : Existing
    work : Mapping of str to WorkItem
        The recordings of the run by name.
    settings : Mapping
        How it makes images.

    Raises
    ------
    OverwriteError
        If images are there of recordings that the run does not know or whose files it does not
        find, or that were made with other settings. The message says how many, and what to do.
    """
    unnamed = _counted(existing, (name for name in existing.n_images if name not in work))
    not_found = [name for name in existing.n_images if name in work and work[name].path is None]
    gone = _counted(existing, not_found)
    faults, remedies = [], []
    if unnamed:
        faults.append(f"{unnamed} that the manifest does not name")
        remedies.append("name both manifests (--manifest A B)")
    if gone:
        faults.append(f"{gone} whose files are not found in the audio folder")
        remedies.append("name their folder, too (--audio A B)")
    others = differing_settings(existing.settings, settings)
    if others and (same := _counted(existing, existing.n_images)):
        made = "; ".join(others[:_MAX_SETTINGS])
        faults.append(f"{same} that were made with other settings ({made})")
        remedies.append("give the settings that they were made with")
    if faults:
        raise OverwriteError(
            f"{folder}: holds {', and '.join(faults)}; nothing was changed: "
            f"{', '.join(remedies)}, name another --out, or add {REPLACE} to lose these images"
        )


def differing_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name the settings that differ, as in ``step_s 1, not 2``.

    One that `before` lacks came with a later version and does not count.
    """
    old, new = _flat(before), _flat(json.loads(json.dumps(now)))
    return [
        f"{name} {_short(old[name])}, not {_short(new[name])}"
        for name in new
        if name in old and old[name] != new[name]
    ]


def remove_images(folder: Path, recordings: Iterable[str], *, but: Set[str] = frozenset()) -> None:
    """Remove the images of some recordings, whole or half written, and folders left empty by that.

    Files that are not named as their images are stay, whoever put them there.

    Parameters
    ----------
    folder : Path
    recordings : iterable of str
        Names of recordings.
    but : set of str
        Images to keep, relative to the folder.
    """
    stems = {store.image_stem(name) for name in recordings}
    for pattern in ("*/*.png", "*/.*.png.*.part"):
        for path in folder.glob(pattern):
            if path.relative_to(folder).as_posix() in but:
                continue
            if store.recording_stem(path.name) in stems:
                path.unlink()
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()


def _journal(path: Path) -> Iterator[tuple[str, list[str]]]:
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError, KeyError, TypeError):  # half a line
                entry = json.loads(line)
                yield entry["receipt"]["recording"], [row["image"] for row in entry["index"]]


def _counted(existing: Existing, names: Iterable[str]) -> str:
    """Say how many images there are of how many recordings; empty where there is none."""
    counts = [n for name in names if (n := existing.n_images[name])]
    if not counts:
        return ""
    images = "1 image" if sum(counts) == 1 else f"{sum(counts)} images"
    return f"{images} of {'1 recording' if len(counts) == 1 else f'{len(counts)} recordings'}"


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings and those of the configs within them by one name each, as the options say them."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            flat[name] = value
    if "spectrogram.hop_length" in flat:  # the shape of images is left out where it is the default
        default = SpectrogramConfig()
        shape = {"spectrogram.n_mels": default.n_mels, "spectrogram.n_frames": default.n_frames}
        flat = shape | flat
    hop_length, rate = (flat.get(f"spectrogram.{n}") for n in ("hop_length", "sample_rate_hz"))
    if isinstance(hop_length, int) and isinstance(rate, int) and rate > 0:
        segment_s = hop_length * flat["spectrogram.n_frames"] / rate
        flat = {"segment_s": round(segment_s, 6)} | flat
        del flat["spectrogram.hop_length"]
    return flat


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
