"""Evaluation of networks on held-out recordings."""
