"""Recall, precision, ROC, reliability and their bootstrap intervals."""
