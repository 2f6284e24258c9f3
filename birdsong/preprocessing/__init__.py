"""Recordings to a folder of images: in parallel, resumed, with a receipt."""
