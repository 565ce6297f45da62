"""What ``syncd check`` looks at, one module per subject: each looks, changes nothing, and says what to mend."""
