"""What tests of faults ask an instance from outside."""

import json
import subprocess

from tests.servers import Server


def doctor(server: Server) -> str:
    """What `fedi doctor` says that is not fine, a line each."""
    done = subprocess.run(
        [*server.command, "doctor", "--json", "--config", server.config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return "\n".join(f"{one['about']}: {one['text']}" for one in json.loads(done.stdout) if one["state"] != "fine")
