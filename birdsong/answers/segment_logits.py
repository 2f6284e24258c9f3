"""Inference: the network's logits for each segment of a recording.

Inference takes seconds and is done once. Choosing an answer from the logits, at any promise and for
any list of taxa, is fast and can be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import BoolArray, FloatArray, ImageArray
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.onnx_network import BATCH_SIZE, Network
from birdsong.errors import AudioError
from birdsong.sound.audio_reader import AudioReader
from birdsong.sound.grey_levels import signal_level_db
from birdsong.sound.segment_proposal import ProposalConfig, cover_segments
from birdsong.sound.segments import (
    MIN_DURATION_S,
    Segment,
    grid_segments,
    recording_warnings,
)
from birdsong.sound.waveform import AudioSource


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLogits:
    """The segments of a recording with their logits.

    Attributes
    ----------
    duration_s : float
        Of the samples that were decoded.
    declared_s : float or None
        Length that the file's header declares; None where it declares none.
    missing_s : float
        Seconds that are declared or present in the file and could not be decoded.
    channel : str
        The channel used: ``mix``, or ``channel 1 of 2``; empty for a mono file.
    starts_s, ends_s : tuple of float
        Of the segments, in order.
    silent : bool, shape (n_segments,)
        Segments whose level is never above the floor of an image.
    signal_level_db : float32, shape (n_segments,)
        Level of the song in each segment.
    logits : float32, shape (n_segments, n_labels)
        The background, where the bundle has one, comes last.
    warnings : tuple of str
        Facts about the file that may impair the answer, as phrases.
    """

    duration_s: float
    declared_s: float | None
    missing_s: float
    channel: str
    starts_s: tuple[float, ...]
    ends_s: tuple[float, ...]
    silent: BoolArray
    signal_level_db: FloatArray
    logits: FloatArray
    warnings: tuple[str, ...]


def segments_of(
    reader: AudioReader, bundle: Bundle, overlap_s: float | None = None
) -> Iterator[Segment]:
    """Cut a recording into segments for a bundle.

    Parameters
    ----------
    reader : AudioReader
        At the sample rate of the bundle's images.
    bundle : Bundle
    overlap_s : float, optional
        Seconds that neighbours share on a regular grid. By default there is none: segments are
        placed around songs, as the network's training images were.

    Yields
    ------
    Segment
        In order of time.

    Raises
    ------
    ConfigError
        If neighbours would share a whole segment.
    """
    blocks, spectrogram, filters = reader.blocks(), bundle.spectrogram, bundle.filters
    if overlap_s is not None:
        step_s = spectrogram.segment_s - overlap_s
        return grid_segments(blocks, spectrogram, filters, step_s=step_s)
    return cover_segments(blocks, spectrogram, filters, ProposalConfig(), step_s=bundle.step_s)


def run_inference(
    source: AudioSource, bundle: Bundle, network: Network, *, overlap_s: float | None = None
) -> SegmentLogits:
    """Run the network on each segment of a recording of any length.

    Parameters
    ----------
    source : Path, bytes or Waveform
    bundle : Bundle
    network : Network
        The bundle's.
    overlap_s : float, optional
        As in `segments_of`.

    Returns
    -------
    SegmentLogits

    Raises
    ------
    AudioError
        If the recording cannot be read or lasts less than 0.3 s.
    """
    spectrogram = bundle.spectrogram
    starts_s: list[float] = []
    silent: list[bool] = []
    logits: list[FloatArray] = []
    levels_db: list[FloatArray] = []
    waiting: list[ImageArray] = []

    def run_batch() -> None:
        images = np.stack(waiting)
        logits.append(network.logits(images))
        levels_db.append(signal_level_db(images, spectrogram))
        waiting.clear()

    with AudioReader(source, spectrogram.sample_rate_hz) as reader:
        for segment in segments_of(reader, bundle, overlap_s):
            starts_s.append(segment.start_s)
            silent.append(segment.silent)
            waiting.append(segment.image)
            if len(waiting) == BATCH_SIZE:
                run_batch()
        if reader.duration_s < MIN_DURATION_S:
            raise AudioError(
                f"{reader.name}: lasts {reader.duration_s:.2f} s, at least "
                f"{MIN_DURATION_S:g} s are needed"
            )
        warnings = recording_warnings(reader, spectrogram, is_silent=all(silent))
        duration_s, missing_s = reader.duration_s, reader.missing_s
        declared_s, channel = reader.info.declared_s, reader.channel
    if waiting:
        run_batch()
    return SegmentLogits(
        duration_s=duration_s,
        declared_s=declared_s,
        missing_s=missing_s,
        channel=channel,
        starts_s=tuple(starts_s),
        ends_s=tuple(min(start_s + spectrogram.segment_s, duration_s) for start_s in starts_s),
        silent=np.array(silent),
        signal_level_db=np.concatenate(levels_db),
        logits=np.concatenate(logits),
        warnings=tuple(warnings),
    )
