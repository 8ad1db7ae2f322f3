"""Tries Rendicom with damaged input: ``python tests/fuzz --cases 500000 --jobs 2 --seed 7``.

Cases are numbered; seed and number make a case, so ``--case N`` runs one again and keeps what it
was made of. Exit status 1 when anything was found; the summary is the last thing printed.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

HERE = Path(__file__).resolve().parent
CHUNK = 4000
STUCK = 600.0
"""Seconds without a new case after which a process that uses no processor time is given up."""


@dataclass
class Tally:
    """What came out so far."""

    seed: str
    seconds: int
    only: str = ""
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    lock: Any = field(default_factory=Lock)

    def found(self, finding: dict[str, Any]) -> None:
        with self.lock:
            known = self.kinds.setdefault((finding["kind"], finding["where"]), [])
            known.append(finding)
            if len(known) == 1:
                self._print(finding)

    def _print(self, finding: dict[str, Any]) -> None:
        case, target = finding["case"], finding["target"]
        print(f"FOUND {finding['kind']} at {finding['where']} ({target}): {finding['message']}")
        only = f" --target {self.only}" if self.only else ""
        print(f"      python tests/fuzz --seed {self.seed} --case {case}{only}", flush=True)

    def counted(self, counts: dict[str, int], done: int) -> None:
        with self.lock:
            self.counts.update(counts)
            self.done += done

    def summary(self) -> str:
        lines = [f"{self.done} cases, seed {self.seed}, {time.monotonic() - self.started:.0f} s"]
        by_target: dict[str, Counter[str]] = {}
        for name, count in self.counts.items():
            target, outcome = name.split(" ", 1)
            by_target.setdefault(target, Counter())[outcome] += count
        for target, outcomes in sorted(by_target.items()):
            told = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.most_common(6))
            lines.append(f"  {target:13} {outcomes.total():8}: {told}")
        for (kind, where), found in self.kinds.items():
            cases = ", ".join(str(each["case"]) for each in found[:4])
            lines.append(f"  FOUND {len(found)} x {kind} at {where}: cases {cases}")
        lines.append(f"{len(self.kinds)} kinds of findings")
        return "\n".join(lines)


def run_range(tally: Tally, first: int, last: int) -> None:
    """Run cases, in a new process after each that died."""
    while first < last:
        first = _run_some(tally, first, last)


def _run_some(tally: Tally, first: int, last: int) -> int:
    """Return the first case that is still to run."""
    with tempfile.NamedTemporaryFile() as status, tempfile.TemporaryFile("w+") as errors:
        status.write(first.to_bytes(8, "little"))
        status.flush()
        told = (tally.seed, str(first), str(last), status.name, str(tally.seconds), tally.only)
        child = subprocess.Popen(
            [sys.executable, str(HERE / "child.py"), *told],
            stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True,
        )  # fmt: skip
        assert child.stdout is not None
        with ThreadPoolExecutor(1) as reader:
            lines = reader.submit(child.stdout.read)
            is_stuck = _wait(child, Path(status.name))
            output = lines.result()
        current = int.from_bytes(Path(status.name).read_bytes()[:8], "little")
        errors.seek(0)
        complaint = errors.read()
    for line in output.splitlines():
        message = json.loads(line)
        if "done" in message:
            tally.counted(message["counts"], message["done"] - first)
            return int(message["done"])
        tally.found(message)
    tally.counted({"process died": 1}, current + 1 - first)
    tally.found({"case": current, **_death(child.returncode, complaint, is_stuck=is_stuck)})
    return current + 1


def _wait(child: subprocess.Popen[str], status: Path) -> bool:
    """Wait for the end of a process; end one that does not come on, and return True."""
    seen, since = b"", time.monotonic()
    while True:
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            now = status.read_bytes()[:8]
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > STUCK:
                child.kill()
                child.wait()
                return True
        else:
            return False


def _death(code: int, complaint: str, *, is_stuck: bool) -> dict[str, str]:
    kind = "hang" if is_stuck or code == -signal.SIGPROF else "crash" if code < 0 else "exit"
    places = [line.strip() for line in complaint.splitlines() if "File" in line]
    message = f"the process ended with status {code}"
    where = places[0] if places else "?"
    return {
        "kind": kind,
        "where": where,
        "target": "?",
        "message": message,
        "trace": complaint[-3000:],
    }


def show_case(seed: str, number: int, only: str) -> int:
    """Run one case here, and keep its files."""
    sys.path.insert(0, str(HERE))
    import warnings

    from child import run_case, targets

    warnings.simplefilter("ignore")
    warnings.simplefilter("error", RuntimeWarning)
    folder = Path(tempfile.mkdtemp(prefix=f"case-{number}-"))
    target, outcome, finding = run_case(seed, number, targets(only), folder)
    print(f"{target}: {outcome}; its files are in {folder}")
    if finding is not None:
        print(finding.get("trace", finding["message"]))
    return int(finding is not None)


def main() -> int:
    parser = argparse.ArgumentParser("tests/fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="how many to run")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", default="7", help="any text")
    parser.add_argument("--target", default="", help="only this one")
    parser.add_argument("--seconds", type=int, default=20, help="processor time of one case")
    parser.add_argument("--case", type=int, help="run this one only, and keep its files")
    parser.add_argument("--report", type=Path, help="write all findings there, one a line")
    given = parser.parse_args()
    if given.case is not None:
        return show_case(given.seed, given.case, given.target)
    tally = Tally(given.seed, given.seconds, given.target)
    last = given.first + given.cases
    chunk = min(CHUNK, -(-given.cases // given.jobs))
    try:
        with ThreadPoolExecutor(given.jobs) as pool:
            jobs = [
                pool.submit(run_range, tally, start, min(start + chunk, last))
                for start in range(given.first, last, chunk)
            ]
            for job in jobs:
                job.result()
                if given.cases > CHUNK and tally.done:
                    print(f"{tally.done} cases, {len(tally.kinds)} kinds of findings", flush=True)
    finally:
        if given.report:
            found = [each for kind in tally.kinds.values() for each in kind]
            given.report.write_text("".join(json.dumps(each) + "\n" for each in found))
        print(tally.summary(), flush=True)
    return int(bool(tally.kinds))


if __name__ == "__main__":
    raise SystemExit(main())
