"""How many instances a slice needs, and why: load, forecasts and how far they are trusted."""
