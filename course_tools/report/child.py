"""The first lines of a process for other people's code: limit yourself, then become what you were started for.

Started as a script and not as a module, so that nothing but the standard library is loaded before the limits hold.
"""

import importlib
import json
import sys
from contextlib import suppress


def limit(limits: dict[str, int]) -> None:
    """Lower the limits of this process, as far as the system knows them (macOS does not know all)."""
    import resource
    for name, value in limits.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (value, value))


if __name__ == "__main__":
    library, role, limits = sys.argv[1:4]
    sys.path.insert(0, library)
    limit(json.loads(limits))
    sys.exit(importlib.import_module(f"course_tools.report.{role}").main(sys.argv[4:]))
