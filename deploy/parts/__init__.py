"""The components of a deployment, one construct each."""
