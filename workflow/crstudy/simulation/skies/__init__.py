"""The sky of a simulated field: its stars and galaxies, and their light on a chip."""
