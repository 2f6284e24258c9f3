"""Samples to pixels: decoding, the spectrogram image, and where something sounds."""
