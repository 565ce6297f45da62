"""The two pages that the daemon serves: one to try it, one to operate it. Plain files, no build, no dependency."""
