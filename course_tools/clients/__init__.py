"""Real clients compared: each plays the same fixed experiments through the fault proxy, which makes one
table.

A client has a driver here, and nothing that knows a lesson. A new client is a new driver, named in `command`.
"""
