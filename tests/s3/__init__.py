"""S3 for tests: an emulator in a process of its own, and a proxy that makes it fail."""
