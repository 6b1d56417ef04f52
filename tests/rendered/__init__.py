"""Every model as each engine gets it. `python -m rendered.refresh` in `tests/` writes the files anew."""
