"""Networks, layers, auxiliary heads and pretrained weights."""
