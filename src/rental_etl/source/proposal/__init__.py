"""Proposes settings for a user's own names: which file or table is which, which column is which, how values are written.

Pure but for `folder` (and `source.mysql.looking`), which take samples. Nothing is written, and a large file is never read whole.
"""
