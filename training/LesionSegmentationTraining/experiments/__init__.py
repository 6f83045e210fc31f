"""Experiments that settled how the model is made, and the pictures of them; each a command of its own."""
