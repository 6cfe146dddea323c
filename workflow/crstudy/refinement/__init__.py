"""Masks on stars refined by the residuals of fitted stars."""
