"""What ``syncd check`` looks at, one module per subject. A check changes nothing and says what to fix."""
