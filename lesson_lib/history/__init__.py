"""What happened, as one list of events, and the questions one can ask of it.

`event` has the kinds of events and what can be wrong, `history` the questions and the table; `story` tells a
run in sentences. It knows neither the simulation nor the wire, only `core`'s words; nothing here runs
anything.
"""

from lesson_lib.history.event import Anomaly, Attempt, Event, Kind, LogCell, find_anomalies
from lesson_lib.history.history import History, Settings

__all__ = ["Anomaly", "Attempt", "Event", "History", "Kind", "LogCell", "Settings", "find_anomalies"]
