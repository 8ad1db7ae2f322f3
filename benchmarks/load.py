"""Load on the server: memory, and every answer that is not 2xx.

    python benchmarks/load.py [--minutes 10] [--kill 15]

wrk asks for pictures, frames, metadata and searches over 8, 64 and 256 connections in turn, while a
few clients take their answers a kilobyte at a time, and every so many seconds a worker is killed.
Told for each step: requests a second, answers by status, and the memory of all processes. Exit
status 1 where an answer is 5xx other than 503, or memory at the end is a third above that after
the first step.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from serve import instances, urls

STEPS = (8, 64, 256)
SLOW = 4
SCRIPT = """
local paths = {{{paths}}}
request = function()
  return wrk.format("GET", paths[math.random(#paths)], {{Accept = "*/*"}})
end
response = function(status) counts = counts or {{}}; counts[status] = (counts[status] or 0) + 1 end
function setup(thread) threads = threads or {{}}; table.insert(threads, thread) end
function done()
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("counts") or {{}}) do
      print("status " .. status .. " " .. count)
    end
  end
end
"""


def memory(server: psutil.Process) -> int:
    """Return resident megabytes of the server and its workers."""
    total = 0
    for process in (server, *server.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total >> 20


def kill_workers(server: psutil.Process, pause: float, ended: threading.Event) -> None:
    while not ended.wait(pause):
        workers = [each for each in server.children(recursive=True) if not each.children()]
        if workers:
            with suppress(psutil.NoSuchProcess):
                random.choice(workers).send_signal(signal.SIGKILL)  # noqa: S311


def read_slowly(port: int, path: str, ended: threading.Event) -> None:
    while not ended.is_set():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as connection:
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
            head += "Connection: close\r\n\r\n"
            connection.sendall(head.encode())
            while connection.recv(1024) and not ended.wait(0.2):
                pass


def step(port: int, script: Path, connections: int, seconds: int) -> tuple[str, dict[int, int]]:
    """Return requests a second and answers by status."""
    done = subprocess.run(
        ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(script),
         f"http://127.0.0.1:{port}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    counts: dict[int, int] = {}
    for status, count in re.findall(r"status (\d+) (\d+)", done.stdout):
        counts[int(status)] = counts.get(int(status), 0) + int(count)
    rate = re.search(r"Requests/sec:\s+(\S+)", done.stdout)
    return rate[1] if rate else "?", counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--kill", type=float, default=15, help="seconds between killed workers")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        paths = instances(Path(name))
        pictures = [f"/dicomweb{each}" for each in urls(paths)]
        bare = [each.partition("/rendered")[0] for each in pictures[:10]]
        asked = [*pictures, *(f"{each}/metadata" for each in bare),
                 *(f"{each}/frames/1" for each in bare), "/dicomweb/studies"]  # fmt: skip
        script = Path(name) / "load.lua"
        script.write_text(SCRIPT.format(paths=", ".join(f'"{each}"' for each in asked)))
        command = [sys.executable, "-m", "rendicom", "serve", str(paths[0].parent), "--port", "0"]
        process = subprocess.Popen(
            [*command, "--cache-bytes", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            return _loaded(process, script, bare[0], given.minutes, given.kill)
        finally:
            process.terminate()
            process.wait(60)


def _loaded(
    process: subprocess.Popen[str], script: Path, slow: str, minutes: float, kill: float
) -> int:
    assert process.stdout is not None
    found = re.search(r":(\d+)", process.stdout.readline())
    assert found is not None
    port, server, ended = int(found[1]), psutil.Process(process.pid), threading.Event()
    time.sleep(3)
    step(port, script, 8, 5)
    jobs = [threading.Thread(target=kill_workers, args=(server, kill, ended), daemon=True)]
    jobs += [
        threading.Thread(target=read_slowly, args=(port, f"{slow}/frames/1", ended), daemon=True)
        for _ in range(SLOW)
    ]
    for job in jobs:
        job.start()
    held, bad = [], 0
    for connections in STEPS:
        rate, counts = step(port, script, connections, max(1, int(minutes * 60 / len(STEPS))))
        held.append(memory(server))
        bad += sum(count for status, count in counts.items() if status >= 500 and status != 503)
        print(
            f"{connections:4} connections: {rate} requests/s, {counts}, {held[-1]} MB", flush=True
        )
    ended.set()
    print(f"memory {held[0]} -> {held[-1]} MB; {bad} answers of 5xx other than 503")
    return int(bad > 0 or held[-1] > held[0] * 4 / 3)


if __name__ == "__main__":
    raise SystemExit(main())
