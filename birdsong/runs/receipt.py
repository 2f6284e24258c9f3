"""The receipt: one row for each recording of a run, whether it succeeded or not.

Each kind of work adds columns of its own by a dataclass that inherits from `Outcome`; `csv_tables`
writes and reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

RECEIPT = "receipt.csv"
STATUSES = ("ok", "skipped", "failed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one recording: the first columns of every receipt.

    Attributes
    ----------
    recording : str
        Its name.
    status : {"ok", "skipped", "failed"}
    reason : str
        Why it was skipped or failed, or its warnings.
    duration_s : float
        Of what was decoded.

    Raises
    ------
    ValueError
        If `status` is none of these.
    """

    recording: str
    status: str
    reason: str
    duration_s: float

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"expected one of {', '.join(STATUSES)}, got {self.status!r}")
