"""What ``make bench`` measures, one file for each scenario."""
