"""The product beside what a user would write instead: `python -m benchmarks.run` measures and compares."""
