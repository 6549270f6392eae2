"""The lab: a broker, a fault proxy and kafka-python's clients in one object, and what was seen as a
`History`. It brings kafka-python with it, so a page that only simulates doesn't load it.
"""
