"""Samples to pixels: decoding, the spectrogram picture, and where something sounds."""
