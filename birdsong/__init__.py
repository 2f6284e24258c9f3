"""birdsong: from recordings of birds to an answer at the rank that the evidence supports."""

__version__ = "0.1.0"
