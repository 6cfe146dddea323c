"""What inference and the study cost."""
