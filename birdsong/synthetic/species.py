"""Twenty-four synthetic species in eight genera, four families and two orders.

Each genus has its own kind of song: whistles, two-note songs, trills, rising and falling sweeps,
buzzes, harmonic stacks, warbles. The three species of a genus differ in pitch and tempo only a
little more than individuals do, so that a genus is easy to recognise and a species is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

NOTE_KINDS = ("tone", "warble", "buzz", "stack")


@dataclass(frozen=True, slots=True, kw_only=True)
class SongTemplate:
    """Song of a species: a strophe of notes.

    Attributes
    ----------
    note : {"tone", "warble", "buzz", "stack"}
        A pure tone, a tone of wavering pitch, a band of noise, or a tone with overtones.
    pitch_hz : float
        Middle frequency of a note.
    sweep_octaves : float
        Rise of pitch from the start to the end of a note; negative for a fall.
    interval_octaves : float
        Interval of every second note above the others.
    note_s, pause_s : float
        Duration of a note and of the pause after it.
    n_notes : tuple of int
        Minimum and maximum number of notes in a strophe.
    """

    note: str
    pitch_hz: float
    sweep_octaves: float = 0.0
    interval_octaves: float = 0.0
    note_s: float
    pause_s: float
    n_notes: tuple[int, int]

    def __post_init__(self) -> None:
        if self.note not in NOTE_KINDS:
            raise ValueError(f"note must be one of {', '.join(NOTE_KINDS)}, got {self.note!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSpecies:
    """A synthetic species and its song; its names are not those of a real bird."""

    order: str
    family: str
    genus: str
    species: str
    english_name: str
    song: SongTemplate

    @property
    def scientific_name(self) -> str:
        """Genus and epithet."""
        return f"{self.genus} {self.species}"


# order, family, genus, English name, song of the middle species of the genus
_GENERA = (
    ("Sonoriformes", "Fistulidae", "Fistulator", "Piper",
     SongTemplate(note="tone", pitch_hz=2300, sweep_octaves=0.03, note_s=0.42, pause_s=0.22,
                  n_notes=(2, 4))),
    ("Sonoriformes", "Fistulidae", "Alternatrix", "Seesaw",
     SongTemplate(note="tone", pitch_hz=3300, interval_octaves=0.55, note_s=0.17, pause_s=0.07,
                  n_notes=(6, 10))),
    ("Sonoriformes", "Crepitidae", "Crepitator", "Triller",
     SongTemplate(note="tone", pitch_hz=4700, sweep_octaves=-0.2, note_s=0.03, pause_s=0.028,
                  n_notes=(18, 34))),
    ("Sonoriformes", "Crepitidae", "Saliens", "Leaper",
     SongTemplate(note="tone", pitch_hz=3100, sweep_octaves=1.2, note_s=0.2, pause_s=0.13,
                  n_notes=(3, 6))),
    ("Murmuriformes", "Stridoridae", "Stridorella", "Buzzer",
     SongTemplate(note="buzz", pitch_hz=5600, note_s=0.3, pause_s=0.2, n_notes=(2, 5))),
    ("Murmuriformes", "Stridoridae", "Clangor", "Trumpeteer",
     SongTemplate(note="stack", pitch_hz=750, sweep_octaves=-0.15, note_s=0.32, pause_s=0.16,
                  n_notes=(2, 5))),
    ("Murmuriformes", "Volubilidae", "Volubilis", "Warbelet",
     SongTemplate(note="warble", pitch_hz=4000, note_s=0.8, pause_s=0.18, n_notes=(1, 3))),
    ("Murmuriformes", "Volubilidae", "Declinator", "Sigher",
     SongTemplate(note="tone", pitch_hz=4300, sweep_octaves=-1.1, note_s=0.5, pause_s=0.3,
                  n_notes=(2, 3))),
)  # fmt: skip

# epithet, English adjective, and pitch and tempo in octaves relative to the song of the genus
_SPECIES_OF_GENUS = (
    ("gravis", "Deep", -0.16, -0.20),
    ("medius", "Plain", 0.0, 0.12),
    ("altus", "High", 0.16, -0.04),
)


def _build_species() -> tuple[SyntheticSpecies, ...]:
    species = []
    for order, family, genus, english_name, song in _GENERA:
        for epithet, adjective, pitch_octaves, tempo_octaves in _SPECIES_OF_GENUS:
            own_song = replace(
                song,
                pitch_hz=song.pitch_hz * 2**pitch_octaves,
                note_s=song.note_s / 2**tempo_octaves,
                pause_s=song.pause_s / 2**tempo_octaves,
            )
            species.append(
                SyntheticSpecies(
                    order=order,
                    family=family,
                    genus=genus,
                    species=epithet,
                    english_name=f"{adjective} {english_name}",
                    song=own_song,
                )
            )
    return tuple(species)


SPECIES = _build_species()
