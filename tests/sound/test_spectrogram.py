"""The image: held to librosa, to arithmetic on tones, and to itself."""

from dataclasses import asdict, replace
from pathlib import Path

import librosa
import numpy as np
import pytest

from birdsong.errors import AudioError, ConfigError
from birdsong.images.png import encode_png, read_png
from birdsong.sound.grey_levels import above_background_db, grey_image
from birdsong.sound.mel_filters import mel_filters
from birdsong.sound.spectrogram import (
    SpectrogramConfig,
    mel_power_db,
    mel_power_db_blocks,
)
from tests.golden.make import golden_image

GOLDEN = Path(__file__).parents[1] / "golden" / "image.png"
CONFIG = SpectrogramConfig(n_fft=1024, hop_length=360, background_share=1.0)


@pytest.fixture(scope="module")
def filters():
    return mel_filters(CONFIG)


def noise(n_samples: int, seed: int = 0, level: float = 0.05) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(n_samples) * level).astype(np.float32)


def tone(hz: float, n_samples: int, level: float = 0.5) -> np.ndarray:
    times_s = np.arange(n_samples) / CONFIG.sample_rate_hz
    return (level * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def librosa_power_db(samples: np.ndarray) -> np.ndarray:
    window = librosa.filters.get_window("hann", CONFIG.n_fft)
    power = librosa.feature.melspectrogram(
        y=samples * 2 / window.sum(), sr=CONFIG.sample_rate_hz, n_fft=CONFIG.n_fft,
        hop_length=CONFIG.hop_length, center=False, n_mels=CONFIG.n_mels,
        fmin=CONFIG.f_min_hz, fmax=CONFIG.f_max_hz, htk=True, norm=None,
    )  # fmt: skip
    return 10 * np.log10(np.maximum(power, 10 ** (CONFIG.floor_db / 10)))


def test_power_is_librosas(filters):
    samples = noise(CONFIG.segment_samples) + tone(3000, CONFIG.segment_samples)
    np.testing.assert_allclose(
        mel_power_db(samples, CONFIG, filters), librosa_power_db(samples), atol=2e-3
    )


def test_image_is_within_one_grey_level_of_librosas(filters):
    samples = noise(CONFIG.segment_samples) + tone(3000, CONFIG.segment_samples)
    ours = grey_image(above_background_db(mel_power_db(samples, CONFIG, filters), CONFIG), CONFIG)
    reference = librosa_power_db(samples).astype(np.float32)
    theirs = grey_image(above_background_db(reference, CONFIG), CONFIG)
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


def test_full_scale_sine_is_zero_db(filters):
    bin_hz = CONFIG.sample_rate_hz / CONFIG.n_fft
    decibels = mel_power_db(tone(50 * bin_hz, CONFIG.segment_samples, 1.0), CONFIG, filters)
    # The filters' triangles overlap, so two bands share the bin: at most 0 dB, at least half.
    assert decibels.max(axis=0) == pytest.approx(0, abs=3.1)


@pytest.mark.parametrize(("low_hz", "high_hz"), [(500, 3000), (2000, 8000)])
def test_higher_tones_stand_higher_in_the_image(filters, low_hz, high_hz):
    def row_of(hz):
        samples = noise(CONFIG.segment_samples, level=1e-3)
        samples[30_000:40_000] += tone(hz, 10_000)
        excess = above_background_db(mel_power_db(samples, CONFIG, filters), CONFIG)
        return grey_image(excess, CONFIG).astype(float).sum(axis=1).argmax()

    assert row_of(high_hz) < row_of(low_hz)


def test_time_runs_from_left_to_right(filters):
    samples = noise(CONFIG.segment_samples, level=1e-3)
    start = 150 * CONFIG.hop_length
    samples[start : start + 3000] += tone(4000, 3000)
    excess = above_background_db(mel_power_db(samples, CONFIG, filters), CONFIG)
    assert 145 <= grey_image(excess, CONFIG).astype(float).sum(axis=0).argmax() <= 160


def test_blocks_give_the_same_frames(filters):
    samples = noise(100_000)
    whole = mel_power_db(samples, CONFIG, filters)
    for sizes in ([7], [1, 50_000], [999, 1001, 1024, 360]):
        cuts = np.cumsum(np.resize(sizes, 2 * len(samples) // min(sizes) // len(sizes) + 1))
        blocks = np.split(samples, cuts[cuts < len(samples)])[:20_000]
        blocks.append(samples[sum(map(len, blocks)) :])
        parts = list(mel_power_db_blocks(blocks, CONFIG, filters))
        np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-4)


def test_digital_silence_is_dark_and_hides_no_song(filters):
    samples = np.zeros(CONFIG.segment_samples, np.float32)
    middle = slice(len(samples) // 2, len(samples) // 2 + 20_000)
    samples[middle] = noise(20_000, level=1e-2)
    excess = above_background_db(mel_power_db(samples, CONFIG, filters), CONFIG)
    assert excess.max() < 20, "the noise between two silences must not turn into a white block"
    assert (excess[:, :80] == 0).all()
    nothing = mel_power_db(np.zeros_like(samples), CONFIG, filters)
    assert (grey_image(above_background_db(nothing, CONFIG), CONFIG) == 0).all()


def test_empty_bands_of_a_low_passed_recording_stay_dark(filters):
    spectrum = np.fft.rfft(noise(CONFIG.segment_samples, level=0.1))
    spectrum[len(spectrum) // 2 :] *= 1e-4  # below 6 kHz only
    samples = np.fft.irfft(spectrum, CONFIG.segment_samples).astype(np.float32)
    excess = above_background_db(mel_power_db(samples, CONFIG, filters), CONFIG)
    assert excess[-10:].max() < excess[:30].max() + 1


def test_missing_frames_are_background(filters):
    decibels = mel_power_db(noise(40_000), CONFIG, filters)
    n_frames = decibels.shape[1]
    excess = above_background_db(decibels, CONFIG, n_columns=200)
    assert excess.shape == CONFIG.shape
    assert (excess[:, n_frames:] == 0).all()
    assert excess[:, :n_frames].any()
    np.testing.assert_array_equal(above_background_db(decibels, CONFIG), excess[:, :n_frames])


def test_how_much_of_a_bands_background_is_taken_away(filters):
    """A tone that never pauses is dark where all of it is, and stands out where none is."""
    samples = noise(60_000, level=1e-3) + tone(4000, 60_000, 0.1)
    decibels = mel_power_db(samples, CONFIG, filters)
    n_frames = decibels.shape[1]
    band = np.median(decibels, axis=1).argmax()
    stands_out = {}
    for share in (1.0, 0.5, 0.0):
        config = replace(CONFIG, background_share=share)
        excess = above_background_db(decibels, config, n_columns=200)
        stands_out[share] = np.median(excess[band, :n_frames])
        missing = excess[band, n_frames:]
        assert missing == pytest.approx(stands_out[share], abs=1), "as its background is"
    assert stands_out[1.0] < 1
    assert stands_out[0.0] > 30
    assert stands_out[0.5] == pytest.approx(stands_out[0.0] / 2, abs=1)


def test_image_has_its_shape_and_range(filters):
    excess = above_background_db(
        mel_power_db(noise(CONFIG.segment_samples), CONFIG, filters), CONFIG
    )
    image = grey_image(excess, CONFIG)
    assert image.shape == (64, 200)
    assert image.dtype == np.uint8
    edges = np.array([[CONFIG.darkest_db - 5, CONFIG.darkest_db], [CONFIG.brightest_db, 1e3]])
    assert grey_image(edges.astype(np.float32), CONFIG).tolist() == [[255, 255], [0, 0]]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(100, np.float32), r"at least 1024 samples, got shape \(100,\)"),
        (np.zeros((2, 5000), np.float32), r"one channel .* got shape \(2, 5000\)"),
        (np.full(5000, np.nan, np.float32), "NaN or an infinity"),
        (np.full(5000, np.inf, np.float32), "NaN or an infinity"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_samples_that_cannot_be_used(filters, samples, message):
    with pytest.raises(AudioError, match=message):
        mel_power_db(samples, CONFIG, filters)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sample_rate_hz", 0),
        ("hop_length", 2000),
        ("f_min_hz", 12_000.0),
        ("f_max_hz", 13_000.0),
        ("background_percentile", 101.0),
        ("brightest_db", -1.0),
    ],
)
def test_config_out_of_range_is_named(field, value):
    with pytest.raises(ConfigError, match=rf"SpectrogramConfig\.{field}|f_min_hz"):
        SpectrogramConfig(**{field: value})


def test_config_survives_json_and_every_field_counts():
    assert SpectrogramConfig.from_dict(CONFIG.to_dict()) == CONFIG
    prints = {CONFIG.fingerprint()}
    values = asdict(CONFIG)
    for name, value in values.items():
        other = {"background_share": 0.25, "n_mels": 60}.get(name, value - 1)
        prints.add(SpectrogramConfig.from_dict({**values, name: other}).fingerprint())
    assert len(prints) == 1 + len(values)


def test_a_config_of_before_keeps_its_fingerprint():
    before = asdict(CONFIG) | {"background_share": 1.0}
    del before["background_share"]
    assert SpectrogramConfig.from_dict(before).background_share == 1.0
    assert SpectrogramConfig.from_dict(before).fingerprint() == "2f1da3efeaf9d82b"


def test_the_shape_of_images_enters_the_fingerprint_where_it_is_another():
    """Folders and bundles of before say nothing of the shape, and keep their fingerprints."""
    default = SpectrogramConfig()
    assert default.fingerprint() == "4dbfd67e94ad3779"
    assert not {"n_mels", "n_frames"} & default.to_dict().keys()
    assert SpectrogramConfig.from_dict(default.to_dict()) == default
    assert SpectrogramConfig.from_dict(default.to_dict()).shape == (64, 200)
    other = SpectrogramConfig(n_mels=48, n_frames=150)
    assert SpectrogramConfig.from_dict(other.to_dict()) == other
    taller, longer = replace(default, n_mels=48), replace(default, n_frames=150)
    assert taller.to_dict().keys() ^ default.to_dict().keys() == {"n_mels"}
    prints = {each.fingerprint() for each in (default, other, taller, longer)}
    assert len(prints) == 4


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (
            "n_mels",
            4,
            r"a multiple of 4 in 8\.\.512, because .* in 4 regions of bands",
        ),
        ("n_mels", 50, "a multiple of 4"),
        ("n_mels", 516, r"in 8\.\.512"),
        ("n_frames", 7, r"in 8\.\.4096"),
        ("n_frames", 4097, r"in 8\.\.4096"),
    ],
)
def test_a_shape_out_of_range_is_named(field, value, expected):
    message = rf"^SpectrogramConfig\.{field} must be .*{expected}.*, got {value}$"
    with pytest.raises(ConfigError, match=message):
        SpectrogramConfig(**{field: value})


def test_segments_of_another_shape():
    config = SpectrogramConfig(n_mels=48, n_frames=150, hop_length=320)
    assert config.shape == (48, 150)
    assert config.segment_s == 2.0
    assert config.segment_samples == 149 * 320 + 512
    samples = noise(config.segment_samples)
    decibels = mel_power_db(samples, config, mel_filters(config))
    assert grey_image(above_background_db(decibels, config), config).shape == (48, 150)


@pytest.mark.parametrize("value", [None, "24000", True, [1]])
def test_config_of_wrong_type_is_refused(value):
    with pytest.raises(ConfigError, match="sample_rate_hz must be a number"):
        SpectrogramConfig.from_dict({**CONFIG.to_dict(), "sample_rate_hz": value})


def test_default_image_does_not_change_unnoticed():
    """Held to the golden file: see tests/golden/make.py."""
    golden = read_png(GOLDEN, SpectrogramConfig().shape)
    difference = golden_image(SpectrogramConfig()).astype(int) - golden.astype(int)
    assert np.abs(difference).max() <= 1


def test_the_golden_png_is_written_byte_by_byte_as_before():
    config = SpectrogramConfig()
    png = encode_png(read_png(GOLDEN, config.shape), fingerprint=config.fingerprint())
    assert png == GOLDEN.read_bytes()
