"""One module per figure, drawn from tables only."""
