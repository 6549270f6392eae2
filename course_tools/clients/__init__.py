"""Real clients compared: each plays the same fixed experiments through the fault proxy, and the answers make one table."""
