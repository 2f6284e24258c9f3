"""Images to batches for training: augmentation, samplers, threaded loading."""
