"""The study of simulated CSST survey exposures."""
