"""Classification of a recording, and its answer in the formats of other programs."""
