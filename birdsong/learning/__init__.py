"""Batches to a bundle: the network, its training, its metrics."""

import os

# TensorFlow has it on by itself where a processor has AVX-512; with AVX2 alone it learns half as
# fast again with it. TensorFlow looks when it is imported, which this comes before.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
