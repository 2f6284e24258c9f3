"""Side-by-side measurements against the alternatives; not in the wheel."""
