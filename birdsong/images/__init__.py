"""Images at rest: the folder of PNGs and its tables, the packed copy, what is in them."""
