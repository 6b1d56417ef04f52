"""A synthetic marketplace, the same for the same arguments: `marketplace.generate` writes its four CSV files."""
