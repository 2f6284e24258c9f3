"""The readers of untrusted bytes, each as a function for fuzzing.

A reader may refuse its input with one of birdsong's own errors, in one line. Anything else is a
fault: a crash, a hang, gigabytes of memory, another exception.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from birdsong.answers.classifier import Classifier
from birdsong.answers.species_filter import read_species_filter
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import DEFAULT_BUNDLE, read_bundle
from birdsong.bundle.calibration_data import calibration_from_bytes, calibration_to_bytes
from birdsong.bundle.seal import sealed
from birdsong.csv_tables import write_table
from birdsong.errors import BirdsongError
from birdsong.images.packed import open_packed
from birdsong.images.packing import pack
from birdsong.images.png import decode_png, encode_png
from birdsong.images.store import ImageStore, image_path, open_store, write_settings
from birdsong.images.tables import INDEX, IndexRow
from birdsong.recordings.manifest import read_manifest
from birdsong.sound.audio_reader import AudioReader
from birdsong.sound.mel_filters import mel_filters
from birdsong.sound.spectrogram import SpectrogramConfig
from birdsong.taxa.published_tables import read_taxonomy
from birdsong.taxa.synonyms import read_synonyms
from fuzz.sounds import sounds

MAX_DECODED_S = 600.0
"""Seconds to decode of an endless recording: enough to see that memory stays bounded."""

MAX_MESSAGE_LENGTH = 2000

Reader = Callable[[bytes], None]


class FaultError(Exception):
    """The error message of a reader is empty, too long, or has several lines."""


def audio(content: bytes) -> None:
    """A recording: decoded to its end, or for ten minutes of sound."""
    with AudioReader(content, 24_000) as reader:
        for _ in reader.blocks():
            if reader.duration_s > MAX_DECODED_S:
                break
        reader.warnings(highest_hz=11_000)


def upload(content: bytes) -> None:
    """An upload to the app: a prediction or an error message, never an exception."""
    prediction = _classifier().classify(content, name="upload")
    if prediction.status == "failed":
        raise BirdsongError(prediction.error)


def png(content: bytes) -> None:
    """An image."""
    decode_png(content, "image.png", SpectrogramConfig().shape)


def manifest(content: bytes) -> None:
    """A manifest."""
    read_manifest(_file("manifest.csv", content))


def taxonomy(content: bytes) -> None:
    """A table of taxa."""
    read_taxonomy(_file("taxa.csv", content))


def synonyms(content: bytes) -> None:
    """A table of old and new names."""
    read_synonyms(_file("synonyms.csv", content))


def species_list(content: bytes) -> None:
    """A list of species that someone uploads or pastes."""
    read_species_filter(content, _bundle(), name="list.csv" if content[:1] == b"s" else "list.txt")


def bundle(content: bytes) -> None:
    """The description of a bundle whose other files are as they should be."""
    folder = _bundle_folder()
    (folder / "bundle.json").write_bytes(content)
    read_bundle(folder)


def resealed(content: bytes) -> None:
    """A description that someone altered and sealed again."""
    import json

    try:
        description = json.loads(content)
    except (ValueError, RecursionError):
        return
    if isinstance(description, dict) and description:
        description.pop("seal", None)
        bundle(sealed(description))


def calibration(content: bytes) -> None:
    """The calibration data of a bundle."""
    try:
        calibration_from_bytes(content)
    except ValueError as error:
        if not str(error).startswith("calibration.npz cannot be used"):
            raise


def store(content: bytes) -> None:
    """The ``index.csv`` of a folder of images; every image that it names is read."""
    opened = _images().store
    (opened.folder / INDEX).write_bytes(content)
    reopened = open_store(opened.folder)
    for row in reopened.rows[:20]:
        reopened.read_image(row)


def packed(content: bytes) -> None:
    """The description of a packed copy; every image is read."""
    opened = _images().store
    write_table(opened.folder / INDEX, IndexRow, opened.rows)
    (opened.folder / "packed" / "packed.json").write_bytes(content)
    copy = open_packed(opened)
    copy.read(np.arange(len(copy)))


READERS: dict[str, Reader] = {
    each.__name__: each
    for each in (
        *(audio, upload, png, manifest, taxonomy, synonyms, species_list),
        *(bundle, resealed, calibration, store, packed),
    )
}


def run_reader(name: str, content: bytes) -> bool:
    """Run a reader on some bytes.

    Returns
    -------
    bool
        Whether it accepted them.

    Raises
    ------
    FaultError
        If its error message is empty, too long, or has several lines.
    Exception
        Any other exception of the reader.
    """
    try:
        READERS[name](content)
    except BirdsongError as error:
        message = str(error)
        if not 0 < len(message) < MAX_MESSAGE_LENGTH or "\n" in message:
            raise FaultError(f"expected a sentence, got {message[:200]!r}…") from error
        return False
    return True


@cache  # readers overwrite the files that the seeds are read from
def seeds(name: str) -> list[bytes]:
    """Valid inputs of a reader, from which fuzzing starts."""
    if name in ("audio", "upload"):
        return sounds()
    if name == "png":
        shape = SpectrogramConfig().shape
        image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        return [
            encode_png(image, fingerprint="f" * 16),
            encode_png(image // 64 * 64, fingerprint="f" * 16, level=9),
        ]
    if name in ("bundle", "resealed"):
        return [(DEFAULT_BUNDLE / "bundle.json").read_bytes()]
    if name == "calibration":
        whole = calibration_from_bytes((DEFAULT_BUNDLE / "calibration.npz").read_bytes())
        return [calibration_to_bytes(whole.of(np.arange(n))) for n in (1, 3)]
    if name == "store":
        return [_images().index]
    if name == "packed":
        return [_images().description]
    return [text.encode() for text in _TABLES[name]]


_TABLES = {
    "manifest": [
        "file,xc_id,url,order,family,genus,species,english_name,recordist,licence,session,"
        "clip_start_s,clip_duration_s,kind\n"
        "a/b.wav,XC1,https://x.org/1,Passeriformes,Turdidae,Turdus,merula,Blackbird,A. B,CC0,s,"
        "1.5,2,song\n"
        'c.ogg,,,,,Pica,"pica ","""Magpie""",,,,,,\nd.wav,,,,,,,,,,,,,background\n',
        "\ufeffxc_id,genus\r\nXC2,Turdus\r\n",
    ],
    "taxonomy": [
        "Sequence,Taxon_rank,Order,Family,Scientific_name,English_name_AviList\n"
        "1,order,Passeriformes,,Passeriformes,\n2,family,Passeriformes,Turdidae,Turdidae,\n"
        "3,species,Passeriformes,Turdidae,Turdus merula,Common Blackbird\n",
        "order;family;scientific_name;english_name\nA;B;Turdus merula;Blackbird\n",
        "order,family,scientific_name,english_name\nA,B,Pica pica,Magpie\nA,C,Corvus corax,\n",
    ],
    "synonyms": [
        "old_name,new_name,preferred\nParus caeruleus,Cyanistes caeruleus,\n"
        "Larus a,Larus b,1\nLarus a,Larus c,\n"
    ],
    "species_list": [
        "Turdus merula\nTurdus philomelos_Song Thrush\n# a comment\n",
        "scientific_name,english_name\nTurdus merula,Blackbird\n",
        "Row #,Taxon Order,Category,Common Name,Scientific Name,Count\n"
        '1,1,issf,Blackbird,Turdus merula [merula Group],"2\n# 3"\n'
        "2,2,hybrid,Mallard x,Anas platyrhynchos x rubripes,1\n",
        'Sample Size:\t1\nSong Thrush (<em class="sci">Turdus merula</em>)\t0.0\n',
    ],
}


@cache
def _work_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="birdsong-fuzz-"))


def _file(name: str, content: bytes) -> Path:
    path = _work_folder() / name
    path.write_bytes(content)
    return path


@cache
def _bundle_folder() -> Path:
    import shutil

    return Path(shutil.copytree(DEFAULT_BUNDLE, _work_folder() / "bundle"))


@cache
def _bundle() -> Bundle:
    return read_bundle(DEFAULT_BUNDLE)


@cache
def _classifier() -> Classifier:
    return Classifier.load(DEFAULT_BUNDLE)


@dataclass(frozen=True, slots=True)
class _Images:
    """A folder of images, and the original content of the files that are altered."""

    store: ImageStore
    index: bytes
    description: bytes


@cache
def _images() -> _Images:
    """Three images in a folder, and their packed copy."""
    folder = _work_folder() / "images"
    folder.mkdir()
    config = SpectrogramConfig()
    write_settings(folder, {"spectrogram": config.to_dict(), "step_s": 1.5}, mel_filters(config))
    rows = []
    for number in range(3):
        path = image_path(f"XC{number}", "Turdus merula", 1.5 * number)
        (folder / path).parent.mkdir(exist_ok=True)
        image = np.random.default_rng(number).integers(0, 256, config.shape, np.uint8)
        content = encode_png(image, fingerprint=config.fingerprint())
        (folder / path).write_bytes(content)
        start_s = 1.5 * number
        rows.append(
            IndexRow(
                path, f"XC{number}", "s", start_s, start_s + 3, "Passeriformes", "Turdidae",
                "Turdus", "merula", "bird", "Common Blackbird",
            )
        )  # fmt: skip
    write_table(folder / INDEX, IndexRow, rows)
    opened = open_store(folder)
    pack(opened)
    description = folder / "packed" / "packed.json"
    return _Images(opened, (folder / INDEX).read_bytes(), description.read_bytes())
