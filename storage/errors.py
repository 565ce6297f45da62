"""What can go wrong with the database, by whose fault: the three kinds are those of ``actors.errors``.

PeerError               what others left in it: the same again ends the same way
├── ContentIdsDiffer
└── SchemaTooNew
TemporaryError          the moment
└── StoreUnavailable    of the port (``actors.errors``)
    ├── DatabaseOverwritten
    └── ReplicaUnavailable
DefectError             ours: whatever has no name here

A URL that names no database is a ``ValueError``.
"""

from actors.errors import PeerError, StoreUnavailable


class SchemaTooNew(PeerError):
    """The database was migrated by a newer release to what this one cannot work with, so it must not write to it."""


class ContentIdsDiffer(PeerError):
    """Contents in the database have ids that this node does not accept."""


class DatabaseOverwritten(StoreUnavailable):
    """Somebody has written over the open database: it is lost, and has to be restored."""


class ReplicaUnavailable(StoreUnavailable):
    """It is the copy of the database that cannot be read now."""
