"""Pixels at rest and on the move: the folder of PNGs, how it is made, how it is fed."""
