"""The supervised child process that computes, and the JSON lines it is spoken to with.

The parent writes one JSON object a line to the child's standard input, the child answers on its standard output;
whatever libraries print goes to standard error. No sockets, no pickle, no shared memory: results come back as paths.

To the child:
    {"job": 1, "run": {recipe}, "resume": false} · {"job": 1, "do": "cancel" | "pause" | "continue"} · {"do": "quit"} ·
    {"job": 1, "do": "look", "at": {place}}
From the child:
    {"ready": {...}} · {"alive": seconds} · {"job": 1, "begun": true} · {"job": 1, "report": {...}} ·
    {"job": 1, "heard": "cancel"} · {"job": 1, "saving": true} · {"job": 1, "done": {...}} ·
    {"job": 1, "cancelled": true} · {"job": 1, "failed": "sentence", "trace": "..."}
"""

from napari_advseg.engine.child import HEARTBEAT_S, NICENESS, Execute, serve
from napari_advseg.engine.messages import (
    Awake,
    Begun,
    Cancelled,
    Failed,
    Finished,
    Heard,
    Lost,
    Message,
    Ready,
    Reported,
    Silent,
)
from napari_advseg.engine.parent import Engine, Patience

__all__ = [
    "HEARTBEAT_S",
    "NICENESS",
    "Awake",
    "Begun",
    "Cancelled",
    "Engine",
    "Execute",
    "Failed",
    "Finished",
    "Heard",
    "Lost",
    "Message",
    "Patience",
    "Ready",
    "Reported",
    "Silent",
    "serve",
]
