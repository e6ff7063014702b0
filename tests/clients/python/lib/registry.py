"""A registry that takes uploads: the one of the JavaScript tests, as a process."""

import subprocess

from .server import ROOT

PROGRAM = ROOT / "tests/clients/js/lib/registry.mjs"


class Registry:
    """Runs until it is closed, or this process ends."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["node", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.address = self.process.stdout.readline().strip()

    def close(self):
        self.process.communicate("")
