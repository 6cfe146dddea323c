"""The rival methods, one module each, and the tuning of their parameters."""
