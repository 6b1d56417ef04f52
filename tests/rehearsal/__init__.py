"""A rehearsal of the system on AWS, on one machine: see docs/aws.md for what it shows and what it does not."""
