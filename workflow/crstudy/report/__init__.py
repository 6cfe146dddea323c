"""The report, the comparison with published numbers, and the conclusions."""
