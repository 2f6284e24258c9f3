"""From a file to an answer, and the answer to the formats people use."""
