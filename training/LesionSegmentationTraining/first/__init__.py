"""The way the first model was made; replaced piece by piece by the packages beside it."""
