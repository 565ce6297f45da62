"""Bus engines: adapters of ``actors.ports.Bus``."""
