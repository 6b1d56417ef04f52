"""The whole product once more in plain Python: the slow, obvious way, written from the specification alone and sharing no code with it."""
