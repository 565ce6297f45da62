"""What is around a node, and fails: the network, the bus, the database."""
