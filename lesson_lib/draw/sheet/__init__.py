"""Paper and pen: a canvas and its printers, colours, the shapes of all marks, messages (lost ones too), free
places.

A layout measures and draws with what is here. Nothing here may know a run.
"""
