"""Pure values: hybrid logical clock, causal context, OR-Set, last-writer-wins registers."""
