"""What a person looks at: any length in bounded columns, and the network's own image."""

import io

import numpy as np
import pytest
import soundfile

from birdsong.answers.segment_logits import segments_of
from birdsong.answers.spectrogram_views import (
    OverviewSpectrogram,
    _LoudestColumns,
    band_edges_hz,
    crop,
    overview,
    segment_image,
)
from birdsong.bundle.bundle import Bundle
from birdsong.errors import AudioError, ConfigError
from birdsong.sound.audio_reader import AudioReader
from birdsong.sound.mel_filters import mel_filters
from birdsong.sound.segments import grid_segments
from birdsong.sound.spectrogram import SpectrogramConfig, mel_power_db
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.taxonomy import Taxonomy
from tests.conftest import RATE_HZ, voice

CONFIG = SpectrogramConfig(n_fft=1024, hop_length=360, background_share=1.0)


@pytest.fixture(scope="module")
def bundle():
    """All of a bundle but its network, which a view does not need."""
    return Bundle(
        name="eyes only",
        labels=(Label(taxon="Turdus", rank="genus"),),
        taxonomy=Taxonomy.from_lineages([Lineage(genus="Turdus")]),
        spectrogram=CONFIG,
        filters=mel_filters(CONFIG),
        step_s=1.5,
        model_onnx=b"",
        sessions=frozenset(),
        provenance={},
    )


def wav(samples: np.ndarray, rate_hz: int = RATE_HZ) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, rate_hz, format="WAV", subtype="FLOAT")
    return content.getvalue()


def tone(frequency_hz: float, seconds: float) -> np.ndarray:
    """A tone in the middle third, over faint noise."""
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    sounding = (times_s > seconds / 3) & (times_s < 2 * seconds / 3)
    noise = 0.0001 * np.random.default_rng(0).standard_normal(len(times_s))
    song = 0.004 * np.sin(2 * np.pi * frequency_hz * times_s) * sounding
    return (song + noise).astype(np.float32)


def test_a_short_recording_has_a_column_a_frame(bundle):
    view = overview(wav(voice("rising", 4, 0)), bundle)
    assert view.image.dtype == np.uint8
    assert view.image.shape == (64, 1 + (4 * RATE_HZ - CONFIG.n_fft) // CONFIG.hop_length)
    assert view.column_s == pytest.approx(1 / CONFIG.frames_per_s)
    assert view.duration_s == pytest.approx(4)


@pytest.mark.parametrize("max_columns", [2, 7, 50, 199, 200])
def test_a_longer_one_is_drawn_in_fewer_columns(bundle, max_columns):
    view = overview(wav(voice("rising", 9, 0)), bundle, max_columns=max_columns)
    n_columns = view.image.shape[1]
    assert max_columns // 2 - 1 < n_columns <= max_columns
    assert n_columns * view.column_s == pytest.approx(9, abs=view.column_s + 0.1)


@pytest.mark.parametrize("max_columns", [1, 3, 40, 1000])
@pytest.mark.parametrize("stretch", [(0, 10), (2.05, 7.31), (9.99, 10), (-5, 99), (4, 4)])
def test_a_window_holds_the_loudest_of_its_stretch(stretch, max_columns):
    grey = np.random.default_rng(2).integers(0, 256, (64, 1000), dtype=np.uint8)
    view = OverviewSpectrogram(
        image=grey, duration_s=10.0, column_s=0.01, band_edges_hz=band_edges_hz(CONFIG)
    )
    cut = crop(view, *stretch, max_columns=max_columns)
    first = max(0, min(999, int(stretch[0] / 0.01)))
    end = max(first + 1, min(1000, int(np.ceil(stretch[1] / 0.01))))
    assert 1 <= cut.shape[1] <= max_columns
    np.testing.assert_array_equal(cut.max(axis=1), grey[:, first:end].max(axis=1))
    n_each = -(-(end - first) // max_columns)
    np.testing.assert_array_equal(cut[:, 0], grey[:, first : min(end, first + n_each)].max(axis=1))


@pytest.mark.parametrize("sizes", [[1000], [1] * 1000, [333, 1, 600, 66], [999, 1], [64] * 15])
def test_columns_hold_the_loudest_of_their_frames(sizes):
    frames = np.random.default_rng(1).normal(-50, 10, (64, sum(sizes))).astype(np.float32)
    columns = _LoudestColumns(40, SpectrogramConfig())
    for part in np.split(frames, np.cumsum(sizes)[:-1], axis=1):
        columns.add(part)
    each = columns.n_frames_each
    expected = [frames[:, i : i + each].max(axis=1) for i in range(0, sum(sizes), each)]
    np.testing.assert_array_equal(columns.loudest_db, np.stack(expected, axis=1))
    assert 20 <= columns.loudest_db.shape[1] <= 40


def test_a_tone_stands_at_its_time_and_frequency(bundle):
    for frequency_hz in (500, 2000, 7000):
        view = overview(wav(tone(frequency_hz, 9)), bundle, max_columns=100)
        loudest = 63 - view.image.mean(axis=1).argmax()
        edges_hz = view.band_edges_hz
        assert edges_hz[loudest] <= frequency_hz <= edges_hz[loudest + 1]
        times_s = np.flatnonzero(view.image.max(axis=0) > 128) * view.column_s
        assert (times_s.min(), times_s.max()) == pytest.approx((3, 6), abs=0.2)


def test_band_edges_lie_around_the_peaks_of_the_filters(bundle):
    edges_hz = band_edges_hz(CONFIG)
    assert edges_hz.shape == (65,)
    assert (np.diff(edges_hz) > 0).all()
    assert CONFIG.f_min_hz < edges_hz[0] < edges_hz[-1] < CONFIG.f_max_hz
    bin_hz = CONFIG.sample_rate_hz / CONFIG.n_fft
    weights = bundle.filters / bundle.filters.sum(axis=1, keepdims=True)
    centres_hz = weights @ (np.arange(bundle.filters.shape[1]) * bin_hz)
    assert (edges_hz[:-1] - bin_hz < centres_hz).all()
    assert (centres_hz < edges_hz[1:] + bin_hz).all()


def test_silence_and_low_pass_stay_dark(bundle):
    noise = 0.01 * np.random.default_rng(2).standard_normal(6 * RATE_HZ)
    spectrum = np.fft.rfft(noise)
    spectrum[np.fft.rfftfreq(len(noise), 1 / RATE_HZ) > 5000] = 0
    noise = np.fft.irfft(spectrum, len(noise)).astype(np.float32)
    recording = np.concatenate([np.zeros(4 * RATE_HZ, np.float32), noise])
    view = overview(wav(recording), bundle)
    silent = view.image[:, : int(3.9 / view.column_s)]
    assert silent.max() == 0
    n_empty = 64 - np.searchsorted(view.band_edges_hz, 6000)
    # The leap from silence to noise is a click, which does sound in all bands.
    assert view.image[:n_empty, int(4.2 / view.column_s) :].max() == 0
    assert overview(wav(np.zeros(2 * RATE_HZ)), bundle).image.max() == 0


def test_the_scale_is_that_of_the_segments(bundle):
    samples = tone(3000, 3)[: CONFIG.segment_samples]
    (segment,) = grid_segments([samples], CONFIG, bundle.filters, step_s=3.0)
    view = overview(wav(samples), bundle)
    assert mel_power_db(samples, CONFIG, bundle.filters).shape == view.image.shape
    difference = view.image.astype(int) - segment.image[:, : view.image.shape[1]]
    assert np.abs(difference).max() <= 5  # the percentile is interpolated here, not there


@pytest.mark.parametrize("overlap_s", [None, 1.1])
def test_the_segments_image_is_the_networks(bundle, tmp_path, overlap_s):
    content = wav(voice("rising", 11, 3), 44_100)
    (tmp_path / "a.wav").write_bytes(content)
    with AudioReader(content, RATE_HZ) as reader:
        expected = list(segments_of(reader, bundle, overlap_s))
    assert len(expected) >= 3
    for segment in expected[::2]:
        start_s = round(segment.start_s, 3)  # as written to JSON
        for source in (content, tmp_path / "a.wav"):
            seen = segment_image(source, bundle, start_s, overlap_s=overlap_s)
            np.testing.assert_array_equal(seen, segment.image)


@pytest.mark.parametrize("start_s", [0.7, 400.0, -1.5])
def test_a_segment_that_is_none(bundle, start_s):
    with pytest.raises(AudioError, match=f"field: no segment starts at {start_s:g} s"):
        segment_image(wav(voice("low", 5, 0)), bundle, start_s, name="field")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "field.wav: is empty"),
        (b"a letter " * 500, "field.wav: not audio"),
        (wav(voice("low", 0.2, 0)), "field.wav: lasts 0.20 s, at least 0.3 s are needed"),
    ],
)
def test_what_cannot_be_drawn_is_a_sentence(bundle, content, message):
    with pytest.raises(AudioError, match=message):
        overview(content, bundle, name="field.wav")


def test_too_few_columns(bundle):
    with pytest.raises(ConfigError, match="max_columns must be at least 2, got 1"):
        overview(wav(voice("low", 1, 0)), bundle, max_columns=1)
