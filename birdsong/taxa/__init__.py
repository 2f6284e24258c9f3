"""The tree of taxa: order > family > genus > species, labels on it, answers from it."""
