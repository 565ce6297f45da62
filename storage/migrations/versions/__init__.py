"""One file per revision of the schema; their names sort in the order of the revisions."""
