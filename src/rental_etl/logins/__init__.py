"""Who one is to a database: ways to a password, and to AWS, which keeps or signs one. Shared by all that connect."""
