"""The format and length of a recording: as declared in its header, present in it, and decoded."""

from __future__ import annotations

from dataclasses import dataclass

_EXACT_S, _LOSSY_S = 0.02, 0.25
"""Difference in length without a warning: for a sample count, and for a lossy codec's padding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """Format and length of a recording before it is decoded.

    Attributes
    ----------
    sample_rate_hz, n_channels : int
        At the start; later parts of a joined file may differ.
    declared_s : float or None
        Length in the header; None if it has none. A damaged file may hold less.
    estimate_s : float or None
        An estimate instead, if the format declares no length.
    present_s : float or None
        Length of the audio in the file; None if that is unknown before decoding.
    bits : int or None
        Bits per integer sample; None for floating point and lossy formats.
    is_float : bool
        Whether samples are floating point, which may go over full scale.
    """

    sample_rate_hz: int
    n_channels: int
    declared_s: float | None = None
    estimate_s: float | None = None
    present_s: float | None = None
    bits: int | None = None
    is_float: bool = False

    @property
    def is_lossy(self) -> bool:
        """Whether the format is a lossy one."""
        return self.bits is None and not self.is_float

    @property
    def length_s(self) -> float:
        """The best estimate of the length before decoding; 0 if there is none."""
        return self.present_s or self.declared_s or self.estimate_s or 0.0

    def missing_s(self, decoded_s: float) -> float:
        """Seconds that are declared or present and were not decoded."""
        missing_s = max(self.declared_s or 0.0, self.present_s or 0.0) - decoded_s
        return missing_s if missing_s >= self._tolerance_s else 0.0

    def length_warnings(self, decoded_s: float, *, is_damaged: bool) -> list[str]:
        """Warn if the decoded length differs from the declared one.

        Parameters
        ----------
        decoded_s : float
            Length that could be decoded.
        is_damaged : bool
            Whether decoding ended with an error.
        """
        if self.declared_s is not None and self.declared_s - decoded_s > self._tolerance_s:
            decoded, declared = _distinct_lengths(decoded_s, self.declared_s)
            return [f"ends early: {decoded} s of the {declared} s that its header declares"]
        missing_s = self.missing_s(decoded_s)
        if missing_s or (is_damaged and self.present_s is None):
            digits = 1 if missing_s >= 0.1 else 2
            missing = f"{missing_s:.{digits}f} s more" if missing_s else "the rest"
            return [f"ends early, after {decoded_s:.1f} s: {missing} cannot be decoded"]
        if self.declared_s is not None and decoded_s - self.declared_s > self._tolerance_s:
            decoded, declared = _distinct_lengths(decoded_s, self.declared_s)
            return [
                f"its header declares {declared} s, but it holds {decoded} s: all of it was used"
            ]
        return []

    @property
    def _tolerance_s(self) -> float:
        return _LOSSY_S if self.is_lossy else _EXACT_S


def _distinct_lengths(decoded_s: float, declared_s: float) -> tuple[str, str]:
    """Format two lengths with enough digits to show that they differ."""
    digits = next((n for n in (1, 2) if f"{decoded_s:.{n}f}" != f"{declared_s:.{n}f}"), 3)
    return f"{decoded_s:.{digits}f}", f"{declared_s:.{digits}f}"
