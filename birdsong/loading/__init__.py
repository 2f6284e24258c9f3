"""Images on the move: augmentation, the order of an epoch, threaded batches."""
