"""One file per revision of the schema; the names of revisions sort as they follow each other."""
