"""One actor per active user: the order of the user's revisions."""
