"""Synthetic birds, noises and soundscapes with known songs: the demo, fixtures, load."""
