"""The tree of taxa: order > family > genus > species, tables and lists of them, labels on it."""
