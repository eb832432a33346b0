"""The waist: what every other module is written against. NumPy only."""
