"""The augmentation config: how much an image may change and still show the same species.

A song may start earlier or later, be nearer or farther, a little higher or faster; time or
frequencies may be masked; other sounds may be mixed in, and two birds may sing at once. All of that
happens outdoors.

Augmentations of photographs that make no sense for sound are left out:

- Flips. Played backwards a song is another song, and upside down it is none: pitch has a direction.
- Rotations and shears. They turn time into pitch.
- Crops that are scaled up. A band is a frequency and a column is a hundredth of a second; a
  network may rely on both.
- Colours, contrast and blur. Grey is decibels above the background: what would be a photograph's
  brightness is here the gain, and there is no lens.

References
----------
.. [1] Park et al. (2019), SpecAugment, Interspeech: masks of time and of frequency.
.. [2] Zhang, Cisse, Dauphin & Lopez-Paz (2018), mixup: beyond empirical risk minimization, ICLR.
.. [3] Lasseck (2018), Audio-based bird species identification with deep convolutional neural
   networks, CLEF working notes: backgrounds mixed in, changes of pitch and of tempo.
.. [4] Kahl, Wood, Eibl & Klinck (2021), BirdNET: a deep learning solution for avian diversity
   monitoring, Ecological Informatics 61: shifts, warps and noise on spectrograms, and mixup.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from birdsong.errors import ConfigError

_LARGEST_TEMPO_CHANGE = 0.5  # beyond it a trill turns into another bird's


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationConfig:
    """How much an image is changed. Zero switches a kind off.

    Attributes
    ----------
    max_shift_frames : int
        Images are rolled in time by up to this many frames either way.
    n_time_masks, max_time_mask_frames : int
        Stretches of time set to background, and how wide each is at most.
    n_frequency_masks, max_frequency_mask_bands : int
        Ranges of mel bands set to background, and how high each is at most.
    mixup_alpha : float
        Each image is laid over another of its batch, weighted by a draw from
        ``Beta(mixup_alpha, mixup_alpha)``; the heavier one comes first.
    max_gain_db : float
        The song is made louder or softer by up to this much; its background stays.
    max_tilt_db : float
        The highest band is made louder or softer than the lowest by up to this much, and bands
        between in proportion: distance damps high frequencies, and microphones differ.
    max_pitch_bands : int
        The song is moved up or down by up to this many mel bands.
    max_tempo_change : float, 0 to 0.5
        The song is made faster or slower by up to this share.
    background_share : float, 0 to 1
        Share of the images that get a background image mixed in.
    min_background_snr_db, max_background_snr_db : float
        Level of the loudest point of the song above the background that is mixed in.

    Raises
    ------
    ConfigError
        If a field is below zero or above its range, or the minimum signal-to-noise ratio is above
        the maximum.
    """

    max_shift_frames: int = 60
    n_time_masks: int = 1
    max_time_mask_frames: int = 30
    n_frequency_masks: int = 1
    max_frequency_mask_bands: int = 8
    mixup_alpha: float = 0.2
    # Off until they are measured in a comparison of recipes.
    max_gain_db: float = 0.0
    max_tilt_db: float = 0.0
    max_pitch_bands: int = 0
    max_tempo_change: float = 0.0
    background_share: float = 0.0
    min_background_snr_db: float = 20.0
    max_background_snr_db: float = 45.0

    def __post_init__(self) -> None:
        def check(condition: bool, field: str, expected: str) -> None:
            if not condition:
                raise ConfigError(
                    f"AugmentationConfig.{field} must be {expected}, got {getattr(self, field)!r}"
                )

        for name in self.__slots__:
            check(getattr(self, name) >= 0, name, "at least 0")
        check(
            self.max_tempo_change <= _LARGEST_TEMPO_CHANGE,
            "max_tempo_change",
            f"at most {_LARGEST_TEMPO_CHANGE}",
        )
        check(self.background_share <= 1, "background_share", "at most 1")
        check(
            self.min_background_snr_db <= self.max_background_snr_db,
            "min_background_snr_db",
            f"at most max_background_snr_db, {self.max_background_snr_db:g}",
        )

    @classmethod
    def strong(cls) -> Self:
        """Return the config with gain, pitch, tempo and backgrounds switched on.

        Halving or doubling the distance changes a song by 6 dB. One band is 5 % of the frequency at
        4 kHz, less than a semitone; a tenth of the tempo keeps the rhythm. Between 45 dB and 20 dB
        above the noise, a song goes from clear to barely visible.
        """
        return cls(max_gain_db=6.0, max_pitch_bands=1, max_tempo_change=0.1, background_share=0.5)

    @classmethod
    def full(cls) -> Self:
        """Return the config with every augmentation in every image, for benchmarks."""
        return replace(cls.strong(), max_tilt_db=6.0, background_share=1.0)
