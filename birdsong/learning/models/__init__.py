"""The networks, their layers, auxiliary heads and pretrained weights."""
