"""Batches to a bundle: the network, its training, its metrics."""
