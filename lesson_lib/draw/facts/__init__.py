"""What a picture has to know of a run beyond its events: what the broker remembers, which copy it is, what
was sent.

Worked out once for each picture, before anything is placed. No pixel and no sentence lives here.
"""
