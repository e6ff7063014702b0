"""Named cases, run one after another, and the line at the end that `cargo xtask test` adds up.

The form is that of the scripts in `tests/web`: one line per case, then the counts. A pattern as the
script's first argument selects cases.
"""

import os
import sys
import threading
import time
import traceback

CASE_TIMEOUT_S = 240
"""Longest a single case may take: far more than any needs on a busy machine."""

CASES = []


class Skip(Exception):
    """Ends a case as skipped; its text is the reason."""


def case(name):
    """Makes a function a case of this name."""

    def add(body):
        CASES.append((name, body))
        return body

    return add


def equal(got, want):
    """Both values are shown where they differ."""
    assert got == want, f"{got!r} is not {want!r}"


def raises(kind, call, **wanted):
    """The error of this kind that a call raises; its attributes must be as `wanted`."""
    try:
        value = call()
    except kind as error:
        for name, want in wanted.items():
            equal(getattr(error, name), want)
        return error
    raise AssertionError(f"no {kind.__name__}, but {value!r}")


def run(after=lambda: None):
    """Runs all cases and ends the process: 1 if one failed."""
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, body in CASES:
        if pattern in name:
            counts[_one(name, body)] += 1
    try:
        after()
    except Exception as error:  # the counts are what matters now
        print(f"note: {error}")
    print(", ".join(f"{n} {what}" for what, n in counts.items()), flush=True)
    # Threads of cases that hang must not keep the process.
    os._exit(1 if counts["failed"] else 0)


def _one(name, body):
    start = time.monotonic()
    outcome = []

    def guarded():
        try:
            body()
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(CASE_TIMEOUT_S)
    ms = round(1000 * (time.monotonic() - start))
    error = outcome[0] if outcome else TimeoutError(f"no result after {ms} ms")
    if error is None:
        print(f"ok {name} ({ms} ms)", flush=True)
        return "passed"
    if isinstance(error, Skip):
        print(f"SKIPPED {name}: {error}", flush=True)
        return "skipped"
    trace = "".join(traceback.format_exception(error)).replace("\n", "\n  ")
    print(f"FAILED {name}: {type(error).__name__}: {error}\n  {trace}", flush=True)
    return "failed"
