"""Scores of pixels at every threshold: ROC and reliability curves, and thresholds from them."""
