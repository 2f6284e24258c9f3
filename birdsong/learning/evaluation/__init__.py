"""How good a network is on recordings that it did not learn from."""
