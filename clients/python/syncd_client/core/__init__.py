"""Makes every decision of a client and does no I/O: an input in, outputs out."""
