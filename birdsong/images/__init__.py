"""Stored images: the folder of PNGs and its tables, the packed copy, and their summary."""
