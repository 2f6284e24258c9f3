"""How long a recording is: what its header declares, what its bytes hold, what was heard."""

from __future__ import annotations

from dataclasses import dataclass

_EXACT_S, _LOSSY_S = 0.02, 0.25
"""Seconds that a length may be off without a word: of samples that are counted, and of those that
a lossy coder pads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """What the header of a recording says, and what its bytes do.

    Attributes
    ----------
    sample_rate_hz, n_channels : int
        Of what comes first; a file that was joined may change them.
    declared_s : float or None
        Length that the header declares; None where it declares none. A damaged file may hold less.
    estimate_s : float or None
        A guess instead, where the format declares no length.
    present_s : float or None
        Length of the sound that the bytes hold; None where nobody knows before it is decoded.
    bits : int or None
        Of a sample, where samples are integers; None for floating point and lossy formats.
    is_float : bool
        Whether samples are stored as floating point, which may go over full scale.
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
        """The best guess before it is decoded; 0 where there is none."""
        return self.present_s or self.declared_s or self.estimate_s or 0.0

    def missing_s(self, decoded_s: float) -> float:
        """Seconds that are declared, or are in the bytes, and were not heard."""
        missing_s = max(self.declared_s or 0.0, self.present_s or 0.0) - decoded_s
        return missing_s if missing_s >= self._tolerance_s else 0.0

    def length_warnings(self, decoded_s: float, *, is_damaged: bool) -> list[str]:
        """Say where what was heard is not what was declared.

        Parameters
        ----------
        decoded_s : float
            Of a recording that was decoded as far as it can be.
        is_damaged : bool
            Whether decoding broke off.
        """
        if self.declared_s is not None and self.declared_s - decoded_s > self._tolerance_s:
            decoded, declared = _apart(decoded_s, self.declared_s)
            return [f"ends early: {decoded} s of the {declared} s that its header declares"]
        missing_s = self.missing_s(decoded_s)
        if missing_s or (is_damaged and self.present_s is None):
            digits = 1 if missing_s >= 0.1 else 2
            missing = f"{missing_s:.{digits}f} s of it" if missing_s else "what follows"
            return [f"ends early, after {decoded_s:.1f} s: {missing} cannot be decoded"]
        if self.declared_s is not None and decoded_s - self.declared_s > self._tolerance_s:
            decoded, declared = _apart(decoded_s, self.declared_s)
            return [
                f"its header declares {declared} s, but {decoded} s of sound are in it: all of it "
                "was heard"
            ]
        return []

    @property
    def _tolerance_s(self) -> float:
        return _LOSSY_S if self.is_lossy else _EXACT_S


def _apart(decoded_s: float, declared_s: float) -> tuple[str, str]:
    """Write two lengths with as many digits as it takes to tell them apart."""
    digits = next((n for n in (1, 2) if f"{decoded_s:.{n}f}" != f"{declared_s:.{n}f}"), 3)
    return f"{decoded_s:.{digits}f}", f"{declared_s:.{digits}f}"
