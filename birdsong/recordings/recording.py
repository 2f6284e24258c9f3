"""A recording: its file, its taxon, its recordist and licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

KIND = "kind"
"""The extra column that holds `BACKGROUND` for a recording without a bird."""
BACKGROUND = "background"
ORIGINAL_NAME = "original_name"
"""The extra column with the original name of a bird that was renamed by a table of taxa."""
UNIDENTIFIED = frozenset({"sp", "sp.", "spp", "spp.", "spec", "spec."})
"""Epithets, in lower case, that mean an unidentified species."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One row of a manifest.

    Attributes
    ----------
    file : str
        Path relative to the audio folder; empty if the file has the name of its `xc_id`.
    xc_id : str
        Catalogue number of xeno-canto, such as ``XC558716``, or empty.
    genus, species : str
        ``Turdus`` and the epithet alone, ``merula``. An empty `species` means that only the genus
        is known, an empty `genus` that only the family or order is known. Both are empty for a
        recording without a bird, see `is_background`.
    session : str
        Recordings of one session stay in one split. If empty, it becomes the `name` of the
        recording: the recording is its own session.
    clip_start_s, clip_duration_s : float or None
        The clip of the published recording that was used.
    extra : mapping of str to str
        The other columns of the manifest, in order; compared, but not hashed.
    """

    file: str = ""
    xc_id: str = ""
    url: str = ""
    order: str = ""
    family: str = ""
    genus: str = ""
    species: str = ""
    english_name: str = ""
    recordist: str = ""
    licence: str = ""
    session: str = ""
    clip_start_s: float | None = None
    clip_duration_s: float | None = None
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.session:
            object.__setattr__(self, "session", self.name)

    @property
    def name(self) -> str:
        """Name of the recording: its `file`, or its `xc_id` if that is empty."""
        return self.file or self.xc_id

    @property
    def scientific_name(self) -> str:
        """The binomial, ``Turdus merula``; empty if the species is unknown."""
        return f"{self.genus} {self.species}" if self.species else ""

    @property
    def taxon(self) -> str:
        """The most specific known taxon."""
        return self.scientific_name or self.genus or self.family or self.order

    @property
    def is_background(self) -> bool:
        """Whether the recording is marked as background and has no taxon."""
        return self.extra.get(KIND) == BACKGROUND and not self.taxon
