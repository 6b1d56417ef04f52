"""What Redshift rejects, or takes for something else than PostgreSQL does: the deny-list that every statement of ours is held against.

Collected from Redshift's documentation (unsupported PostgreSQL features, types and functions; COPY from columnar formats; LOCK; TRUNCATE).
"""

import re

DENIED = (
    (r"\bon conflict\b", "ON CONFLICT is not supported"),
    (r"\bgenerate_series\b", "generate_series runs on the leader node only"),
    (r"\bstring_agg\b", "string_agg does not exist; it is listagg"),
    (r"\barray_agg\b|\barray\s*\[|\bunnest\b|\blateral\b", "arrays and lateral joins are not supported"),
    (r"\bis (not )?distinct from\b", "IS DISTINCT FROM is not supported"),
    (r"\bsavepoint\b|\brelease\b", "savepoints are not supported"),
    (r"\bfilter\s*\(\s*where\b", "FILTER on aggregates is not supported"),
    (r"\breturning\b", "RETURNING is not supported"),
    (r"\bdistinct on\b", "DISTINCT ON is not supported"),
    (r"\bfor update\b|\bnowait\b|\bskip locked\b", "row locks and NOWAIT are not supported"),
    (r"\btruncate\b", "TRUNCATE commits the transaction it is in"),
    (r"\balter table .* append\b", "ALTER TABLE APPEND commits the transaction it is in"),
    (r"\bmerge\b", "MERGE fails on repeated keys of the source"),
    (r"\bcreate or replace (temp |temporary )?table\b", "CREATE OR REPLACE TABLE is not supported"),
    (r"\bcreate (temp |temporary )?table if not exists [^(]* as\b", "IF NOT EXISTS is not allowed with AS"),
    (r"\bcreate view if not exists\b", "CREATE VIEW IF NOT EXISTS is not supported"),
    (r"\bcreate (unique )?index\b", "indexes are not supported"),
    (r"\bon commit\b", "ON COMMIT is not supported"),
    (r"\block\b.*\b(in|mode)\b", "LOCK takes no mode"),
    (r"\bexplain analyze\b", "EXPLAIN ANALYZE is not supported"),
    (r"\badvisory\w*|_advisory_", "advisory locks do not exist"),
    (r"\bto_regclass\b|\bobj_description\b|\bhost\s*\(", "the function does not exist"),
    (r"\b(lock_timeout|idle_in_transaction_session_timeout|cursor_tuple_fraction)\b", "the setting does not exist"),
    (r"\bvarchar\b(?!\s*\()|\bcharacter varying\b(?!\s*\()", "a bare VARCHAR holds 256 bytes"),
    (r"\btext\b", "TEXT is a VARCHAR of 256 bytes"),
    (r"\btimestamp\s*\(", "timestamps have no precision"),
    (r"\bdouble\b(?! precision)", "the type is called DOUBLE PRECISION"),
    (
        r"\b(json|jsonb|uuid|bytea|serial|bigserial|money|inet|xml|hugeint|ubigint|uinteger)\b",
        "the type is not supported",
    ),
    (r"^copy\b.*\b(stdin|maxerror|region|acceptanydate|csv)\b", "the option is not allowed with Parquet, or at all"),
    (r"^copy\b(?!.*\bmanifest\b)", "a COPY without a manifest loads whatever lies under the prefix"),
    (r"^(copy|unload)\b(?!.*\biam_role\b)", "COPY and UNLOAD need a role"),
    (r"^(copy|unload)\b(?!.*\bparquet\b)", "the format is not said"),
)
_COMPILED = tuple((re.compile(pattern, re.DOTALL), reason) for pattern, reason in DENIED)
_LITERAL = re.compile(r"'(?:[^'\\]|''|\\.)*'", re.DOTALL)
_NAME = re.compile(r'"(?:[^"]|"")*"')


def refusal(statement: str) -> str:
    """Why Redshift would refuse a statement, or do something else than meant; "" when nothing is known against it."""
    words = " ".join(_NAME.sub('"n"', _LITERAL.sub("''", statement)).lower().split())
    return next((reason for pattern, reason in _COMPILED if pattern.search(words)), "")
