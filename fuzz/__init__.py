"""Hostile bytes for everything that reads bytes from outside; see `fuzz.run`."""
