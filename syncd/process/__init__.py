"""The daemon as a process: logs, signals, service manager, garbage, traces."""
