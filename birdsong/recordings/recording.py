"""A recording: where it lies, what sings in it, whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

KIND = "kind"
"""The extra column that says `BACKGROUND` of a recording without a bird."""
BACKGROUND = "background"
ORIGINAL_NAME = "original_name"
"""The extra column of what a bird was called before it was given the name of a table of taxa."""
UNIDENTIFIED = frozenset({"sp", "sp.", "spp", "spp.", "spec", "spec."})
"""What is written, in whatever case, for a species that nobody could tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One row of a manifest: where a recording lies, what sings in it, whose it is.

    Attributes
    ----------
    file : str
        Path relative to the audio folder; empty where the file is named after `xc_id`.
    xc_id : str
        Catalogue number at xeno-canto, written ``XC558716``, or empty.
    genus, species : str
        ``Turdus`` and the epithet alone, ``merula``; an empty `species` is a recording known to
        its genus only, and an empty `genus` one known to its family or order only. Nothing is
        known of one without a bird, see `is_background`.
    session : str
        Recordings with one session stay on one side of a split. Left empty, it becomes the
        recording's own `name`: the recording is its own session.
    clip_start_s, clip_duration_s : float or None
        Which stretch of the published recording was used.
    extra : mapping of str to str
        The manifest's other columns, in their order; compared, but not hashed.
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
        """What the recording is called everywhere: its `file`, or its `xc_id` without one."""
        return self.file or self.xc_id

    @property
    def scientific_name(self) -> str:
        """The binomial, ``Turdus merula``; empty where the species is not known."""
        return f"{self.genus} {self.species}" if self.species else ""

    @property
    def taxon(self) -> str:
        """The most specific taxon that is known."""
        return self.scientific_name or self.genus or self.family or self.order

    @property
    def is_background(self) -> bool:
        """Whether the recording is known to hold no bird: it says so, and names none."""
        return self.extra.get(KIND) == BACKGROUND and not self.taxon
