from collections import defaultdict

import joblib
import numpy as np
import pytest
import scipy.signal
import soundfile

from birdsong.errors import ConfigError, WriteError
from birdsong.recordings.manifest import read_manifest, write_manifest
from birdsong.synthetic.backgrounds import (
    BACKGROUNDS,
    BAND_HZ,
    NOISES,
    render_background,
)
from birdsong.synthetic.files import write_noises, write_recordings
from birdsong.synthetic.species import SPECIES, SongTemplate
from birdsong.synthetic.synthesis import SynthesisConfig, render_noise, render_recording

SHORT = SynthesisConfig(sample_rate_hz=24_000, duration_s=(5.0, 6.0))
ONE_OF_EACH_GENUS = SPECIES[::3]
ECHO_S = 0.1  # longer than any echo rings on after a song


def with_snr(snr_db, **settings):
    return SynthesisConfig(
        sample_rate_hz=24_000, duration_s=(5.0, 6.0), snr_db=(snr_db, snr_db), **settings
    )


def power_in_band(samples, rate_hz):
    """Mean power by a filter; the module uses a Fourier transform."""
    band = scipy.signal.butter(8, BAND_HZ, "bandpass", fs=rate_hz, output="sos")
    return np.mean(scipy.signal.sosfilt(band, samples.astype(float)) ** 2)


def while_singing(recording, tail_s=0.0):
    times_s = np.arange(len(recording.samples)) / recording.sample_rate_hz
    mask = np.zeros(len(times_s), bool)
    for start_s, end_s in recording.songs:
        mask |= (times_s >= start_s) & (times_s < end_s + tail_s)
    return mask


# --- species


def test_the_species_fill_a_tree():
    assert len(SPECIES) == 24
    assert len({each.genus for each in SPECIES}) == 8
    assert len({each.family for each in SPECIES}) == 4
    assert len({each.order for each in SPECIES}) == 2
    assert len({each.scientific_name for each in SPECIES}) == 24
    assert len({each.english_name for each in SPECIES}) == 24


def test_every_taxon_has_one_parent():
    parents = defaultdict(set)
    for each in SPECIES:
        parents[each.genus].add(each.family)
        parents[each.family].add(each.order)
    assert all(len(of_one) == 1 for of_one in parents.values())


def test_species_of_a_genus_sing_alike_but_not_the_same():
    genera = defaultdict(list)
    for each in SPECIES:
        genera[each.genus].append(each.song)
    for songs in genera.values():
        assert len(songs) == 3
        assert len(set(songs)) == 3
        assert len({song.note for song in songs}) == 1
        assert len({np.sign(song.sweep_octaves) for song in songs}) == 1
        pitches_hz = [song.pitch_hz for song in songs]
        assert max(pitches_hz) / min(pitches_hz) < 1.5


def test_an_unknown_note_is_refused():
    with pytest.raises(ValueError, match=r"note must be one of tone, .*, got 'honk'"):
        SongTemplate(note="honk", pitch_hz=2000, note_s=0.1, pause_s=0.1, n_notes=(1, 2))


# --- recordings


@pytest.mark.parametrize("species", ONE_OF_EACH_GENUS, ids=lambda each: each.genus)
def test_samples_and_songs_are_sound(species):
    recording = render_recording(species, individual=2, seed=4, config=SHORT)
    samples = recording.samples
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert np.isfinite(samples).all()
    peak_dbfs = 20 * np.log10(np.abs(samples).max())
    assert SHORT.peak_dbfs[0] - 0.01 <= peak_dbfs <= SHORT.peak_dbfs[1] + 0.01
    duration_s = len(samples) / recording.sample_rate_hz
    assert 4.99 <= duration_s <= 6.01
    assert recording.background in BACKGROUNDS
    assert 6 <= recording.snr_db <= 24

    assert recording.songs
    edges_s = np.ravel(recording.songs)
    assert (np.diff(edges_s) > 0).all()
    assert edges_s[0] >= 0
    assert edges_s[-1] <= duration_s


def test_a_seed_gives_the_same_bytes_whatever_else_is_made():
    species = SPECIES[4]
    first = render_recording(species, individual=1, take=1, seed=9, config=SHORT)
    render_recording(SPECIES[0], individual=0, seed=1, config=SHORT)
    again = render_recording(species, individual=1, take=1, seed=9, config=SHORT)
    assert first.samples.tobytes() == again.samples.tobytes()
    assert first.songs == again.songs


@pytest.mark.parametrize(
    "other", [{"individual": 2}, {"take": 0}, {"seed": 8}, {"species": SPECIES[5]}], ids=str
)
def test_another_bird_take_or_seed_sounds_otherwise(other):
    one = {"species": SPECIES[4], "individual": 1, "take": 1, "seed": 9, "config": SHORT}
    first, second = render_recording(**one), render_recording(**(one | other))
    assert first.songs != second.songs
    assert first.samples.tobytes() != second.samples.tobytes()


def test_takes_of_one_individual_have_one_background():
    for individual in range(3):
        takes = [
            render_recording(SPECIES[0], individual=individual, take=take, config=SHORT)
            for take in range(2)
        ]
        assert takes[0].background == takes[1].background


def test_takes_of_one_individual_hear_the_same_insect():
    tones_hz = []
    for take in range(2):
        config = with_snr(0.0)
        recording = render_recording(
            SPECIES[0], individual=1, take=take, config=config, background="insect"
        )
        density = np.abs(np.fft.rfft(recording.samples))
        frequencies_hz = np.fft.rfftfreq(len(recording.samples), 1 / recording.sample_rate_hz)
        density[frequencies_hz < 3700] = 0  # the whistles of this species lie below
        tones_hz.append(frequencies_hz[density.argmax()])
    assert tones_hz[0] == pytest.approx(tones_hz[1], abs=1.0)


def test_a_recording_names_its_species():
    recording = render_recording(SPECIES[3], individual=6, config=SHORT)
    assert recording.species == SPECIES[3]
    assert recording.individual == 6
    assert render_noise(index=0, config=SHORT).species is None


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_the_snr_is_the_one_asked_for(background, snr_db):
    # The same draws at 60 dB leave the song alone; what it does not explain is the background.
    noisy, clean = (
        render_recording(SPECIES[9], individual=3, config=with_snr(snr), background=background)
        for snr in (snr_db, 60.0)
    )
    assert noisy.snr_db == snr_db
    assert noisy.songs == clean.songs
    song, mixed = (each.samples.astype(float) for each in (clean, noisy))
    song *= np.dot(mixed, song) / np.dot(song, song)
    rate_hz = noisy.sample_rate_hz
    sounding_share = while_singing(noisy).mean()
    song_power = power_in_band(song, rate_hz) / sounding_share
    measured_db = 10 * np.log10(song_power / power_in_band(mixed - song, rate_hz))
    assert measured_db == pytest.approx(snr_db, abs=0.5)


@pytest.mark.parametrize("species", ONE_OF_EACH_GENUS, ids=lambda each: each.genus)
def test_songs_are_at_the_stated_times(species):
    recording = render_recording(
        species, individual=0, seed=2, config=with_snr(60.0), background="hiss"
    )
    power = recording.samples.astype(float) ** 2
    silence = power[~while_singing(recording, ECHO_S)].mean()
    assert power[while_singing(recording)].mean() > 1e4 * silence
    rate_hz = recording.sample_rate_hz
    for start_s, end_s in recording.songs:
        first, last = round(start_s * rate_hz), round(end_s * rate_hz)
        n_edge = round(0.03 * rate_hz)
        assert power[first : first + n_edge].mean() > 100 * silence
        assert power[last - n_edge : last].mean() > 100 * silence


def test_gaps_are_as_long_as_asked():
    config = SynthesisConfig(sample_rate_hz=24_000, duration_s=(40.0, 40.0), gap_s=(2.0, 20.0))
    recording = render_recording(SPECIES[7], individual=0, config=config, background="rain")
    starts_s, ends_s = np.transpose(recording.songs)
    gaps_s = starts_s[1:] - ends_s[:-1]
    assert len(gaps_s) > 0
    assert ((gaps_s >= 2.0) & (gaps_s <= 20.0)).all()
    assert recording.background == "rain"


def test_about_half_of_the_time_is_song():
    shares = [
        while_singing(render_recording(species, individual=0, config=SHORT)).mean()
        for species in ONE_OF_EACH_GENUS
    ]
    assert 0.3 < np.mean(shares) < 0.7


def test_a_recording_shorter_than_a_strophe_still_holds_its_bird():
    config = SynthesisConfig(sample_rate_hz=24_000, duration_s=(1.0, 1.0))
    for species in ONE_OF_EACH_GENUS:
        recording = render_recording(species, individual=0, config=config)
        assert recording.songs
        assert recording.songs[-1][1] <= 1.0


# --- backgrounds


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_a_background_has_a_power_of_one_in_the_band(kind):
    noise = render_background(
        kind, duration_s=5.0, sample_rate_hz=24_000, generator=np.random.default_rng(3)
    )
    assert noise.dtype == np.float32
    assert noise.shape == (120_000,)
    assert np.isfinite(noise).all()
    assert power_in_band(noise, 24_000) == pytest.approx(1.0, rel=0.05)


def test_an_unknown_background_is_refused():
    with pytest.raises(ValueError, match=r"background must be one of hiss, .*, got 'traffic'"):
        render_recording(SPECIES[0], individual=0, config=SHORT, background="traffic")


def test_noises_take_turns_and_hold_no_song():
    noises = [render_noise(index=index, seed=1, config=SHORT) for index in range(len(BACKGROUNDS))]
    assert {each.background for each in noises} == set(BACKGROUNDS)
    for each in noises:
        assert each.songs == ()
        assert each.snr_db == -np.inf
        assert 0 < np.abs(each.samples).max() <= 1
    again = render_noise(index=2, seed=1, config=SHORT)
    assert again.samples.tobytes() == noises[2].samples.tobytes()


# --- files


def test_written_recordings_match_their_rows(tmp_path):
    rows = write_recordings(
        tmp_path / "audio",
        n_individuals=2,
        takes_per_individual=2,
        seed=5,
        config=SHORT,
        species=SPECIES[:2],
    )
    assert len(rows) == 8
    assert len({row.name for row in rows}) == 8
    assert len({row.session for row in rows}) == 4
    files = {path.relative_to(tmp_path / "audio").as_posix() for path in tmp_path.rglob("*.flac")}
    assert files == {row.file for row in rows}
    for row in rows:
        info = soundfile.info(tmp_path / "audio" / row.file)
        assert (info.samplerate, info.channels) == (24_000, 1)
        assert 4.99 <= info.duration <= 6.01
        assert row.file.startswith(f"{row.genus}_{row.species}/")
        assert row.session.startswith(f"{row.genus}_{row.species}")
        assert row.licence == "CC0 1.0"
        assert row.clip_start_s is None
        assert row.clip_duration_s is None
    assert {row.scientific_name for row in rows} == {each.scientific_name for each in SPECIES[:2]}
    assert {row.english_name for row in rows} == {each.english_name for each in SPECIES[:2]}

    rendered = render_recording(SPECIES[0], individual=0, take=1, seed=5, config=SHORT)
    samples, _ = soundfile.read(tmp_path / "audio" / rows[1].file, dtype="float32")
    np.testing.assert_allclose(samples, rendered.samples, atol=2**-15)

    write_manifest(tmp_path / "manifest.csv", rows)
    assert read_manifest(tmp_path / "manifest.csv") == rows


def test_neither_order_nor_threads_change_a_file(tmp_path):
    settings = {"seed": 5, "config": SHORT, "species": SPECIES[6:7]}
    rows = write_recordings(tmp_path / "all", n_individuals=3, **settings)
    with joblib.parallel_config(backend="threading"):
        some = write_recordings(
            tmp_path / "some", n_individuals=2, first_individual=1, n_jobs=2, **settings
        )
    assert some == rows[1:]
    for row in some:
        assert (tmp_path / "some" / row.file).read_bytes() == (
            tmp_path / "all" / row.file
        ).read_bytes()


def test_written_noises_can_be_read_and_say_that_there_is_no_bird(tmp_path):
    rows = write_noises(tmp_path / "noises", n=len(NOISES), seed=1, config=SHORT, kinds=NOISES)
    files = {path.name for path in (tmp_path / "noises").iterdir()}
    assert files == {row.file for row in rows}
    assert {file.split("_")[1].removesuffix(".flac") for file in files} == set(NOISES)
    for row in rows:
        assert row.is_background
        samples, rate_hz = soundfile.read(tmp_path / "noises" / row.file)
        assert rate_hz == 24_000
        assert np.isfinite(samples).all()
        assert 0 < np.abs(samples).max() <= 1
    write_manifest(tmp_path / "noises.csv", rows)
    assert read_manifest(tmp_path / "noises.csv") == rows


def test_a_voice_speaks_low_and_pauses_and_clicks_are_short():
    rate_hz = 24_000
    voice = render_background(
        "voice", duration_s=6.0, sample_rate_hz=rate_hz, generator=np.random.default_rng(1)
    )
    spectrum = np.abs(np.fft.rfft(voice)) ** 2
    at_hz = np.fft.rfftfreq(len(voice), 1 / rate_hz)
    assert spectrum[at_hz < 3500].sum() > 0.7 * spectrum.sum()
    loud = np.abs(voice).reshape(-1, 240).max(axis=1)  # of each hundredth of a second
    assert 0.02 < (loud < 0.2 * loud.max()).mean() < 0.9
    clicks = render_background(
        "clicks", duration_s=6.0, sample_rate_hz=rate_hz, generator=np.random.default_rng(1)
    )
    assert (np.abs(clicks) < 0.2 * np.abs(clicks).max()).mean() > 0.8


@pytest.mark.parametrize("seed", range(5))
def test_a_whine_holds_its_pitch_and_a_motor_repeats_its_strokes(seed):
    rate_hz = 24_000
    whine, motor = (
        render_background(
            kind, duration_s=4.0, sample_rate_hz=rate_hz, generator=np.random.default_rng(seed)
        )
        for kind in ("whine", "motor")
    )
    spectrum = np.abs(np.fft.rfft(whine * np.hanning(len(whine)))) ** 2
    bands = np.sort(spectrum[: len(spectrum) // 240 * 240].reshape(-1, 240).sum(axis=1))[::-1]
    assert bands[:24].sum() > 0.5 * spectrum.sum()  # within a few times 60 Hz of 12 kHz
    alike = np.fft.irfft(np.abs(np.fft.rfft(motor, 2 * len(motor))) ** 2)[: len(motor)]
    at_a_stroke = slice(rate_hz // 280, rate_hz // 1)  # one stroke, up to some of a second
    assert alike[at_a_stroke].max() > 0.3 * alike[0]


# --- config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample_rate_hz": 16_000}, "sample_rate_hz must be at least 24000, .* got 16000"),
        ({"duration_s": (9.0, 8.0)}, r"duration_s must be \(lowest, highest\), got \(9.0, 8.0\)"),
        ({"snr_db": (float("nan"), 3.0)}, r"snr_db must be \(lowest, highest\), got \(nan, 3.0\)"),
        ({"snr_db": (3.0, float("inf"))}, r"snr_db must be .*, got \(3.0, inf\)"),
        ({"sample_rate_hz": float("nan")}, "sample_rate_hz must be at least 24000, .* got nan"),
        ({"pitch_deviation_octaves": -0.1}, "pitch_deviation_octaves must be at least 0, got -0.1"),
        ({"duration_s": (0.5, 2.0)}, r"at least 1 s .*, got \(0.5, 2.0\)"),
        ({"gap_s": (-1.0, 2.0)}, r"gaps at least 0 s, got .*\(-1.0, 2.0\)"),
        ({"peak_dbfs": (-3.0, 1.0)}, r"peak_dbfs must be at most 0, .* got \(-3.0, 1.0\)"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        SynthesisConfig(**settings)


def test_what_cannot_be_written_is_one_sentence(tmp_path):
    kind = BACKGROUNDS[0]
    (tmp_path / f"noise000_{kind}.flac").mkdir()
    with pytest.raises(WriteError, match=rf"noise000_{kind}\.flac: cannot be written \(System er"):
        write_noises(tmp_path, n=1, config=SHORT, kinds=[kind])
