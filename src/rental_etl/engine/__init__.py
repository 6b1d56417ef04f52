"""Engines: what computes curated and presentation rows."""
