"""A real server: the built program on a free port of this machine, with a store of its own.

`cargo xtask test --only clients` leaves program and models where they are looked for here;
`INGLE_BIN` and `INGLE_SEEDED` name others.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
PROGRAM = Path(os.environ.get("INGLE_BIN", ROOT / "target/debug/ingle"))
SEEDED = Path(os.environ.get("INGLE_SEEDED", ROOT / "target/debug/seeded-models"))

START_TIMEOUT_S = 60
"""Longest until a server listens; it takes milliseconds."""

KEPT = ["PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "LD_LIBRARY_PATH"]
"""What a server sees of this process's environment; no person's store and no proxy among it."""

# Clients of this machine's servers must not be sent through a proxy either.
for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]


class Server:
    """Started with these arguments and variables; `close` ends it and removes its store."""

    def __init__(self, *args, **env):
        self.folder = Path(tempfile.mkdtemp(prefix="ingle-clients-"))
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--host", "127.0.0.1:0", *args],
            env={**kept, "HOME": str(self.folder), "OLLAMA_LLM_LIBRARY": "cpu", **env},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = []
        self._listening = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self._listening.wait(START_TIMEOUT_S) or not hasattr(self, "address"):
            self.close()
            raise RuntimeError("the server did not start:\n" + "".join(self.log))
        self.url = f"http://{self.address}"

    def _read(self):
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"listening on (\S+)", line):
                self.address = found[1]
                self._listening.set()
        self._listening.set()

    def ask(self, path, body, method="POST"):
        """A plain request, for what prepares a test: JSON or bytes go, bytes come."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {error.code} {error.read()!r}") from error

    def create(self, name, file, **fields):
        """A stored model of a seeded file."""
        data = (SEEDED / file).read_bytes()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.ask(f"/api/blobs/{digest}", data)
        body = {"model": name, "files": {file: digest}, "stream": False, **fields}
        self.ask("/api/create", body)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
