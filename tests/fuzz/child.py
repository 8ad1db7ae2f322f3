"""Runs cases one after the other in a process of its own; see `__main__`.

Usage: python child.py SEED FIRST LAST STATUS SECONDS [TARGET]

Prints a JSON line for each finding and one at the end. The number of the case under way is in the
file STATUS, so that the parent knows which one killed this process.
"""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from findings import Case, Finding, Target

__all__ = ["MEGABYTES", "run_case", "targets"]

MEGABYTES = 400
"""What one case may add to the memory of the process; frames have a million pixels at most."""
_ADDRESSES = 2 << 30
_SOURCE = re.compile(r"[/\\](rendicom|tests)[/\\]")


def targets(only: str = "") -> list[Target]:
    """Return all targets, or the one with that name."""
    if only.startswith("planted"):
        import planted

        return [each for each in planted.TARGETS if each.name == only]
    import objects
    import pictures
    import wire

    import archives

    rooms = (pictures, objects, wire, archives)
    found = [each for room in rooms for each in room.TARGETS]
    if only:
        found = [each for each in found if each.name == only]
        if not found:
            raise SystemExit(f"no target is called {only!r}")
    return found


def run_case(seed: str, number: int, chosen: list[Target], folder: Path) -> tuple[str, str, Any]:
    """Return the target, what became of the case, and the finding if it is one."""
    from rendicom.errors import RendicomError

    random = Random(f"{seed}:{number}")  # noqa: S311 - no secret
    target = random.choices(chosen, [each.weight for each in chosen])[0]
    before = _peak()
    try:
        outcome = target.run(Case(random, folder))
    except RendicomError as error:
        outcome = error.code
        _ = str(error)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return target.name, "finding", _described(error)
    grown = _peak() - before
    if grown > MEGABYTES:
        text = f"{grown} MB of memory"
        return target.name, "finding", {"kind": "memory", "where": outcome, "message": text}
    return target.name, outcome, None


def _described(error: BaseException) -> dict[str, str]:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if _SOURCE.search(each.filename)]
    last = (ours or frames)[-1]
    inside = [
        each
        for each in ours
        if "rendicom/" in each.filename.replace("\\", "/").partition("/src/")[2]
    ]
    last = inside[-1] if inside else last
    if isinstance(error, Finding):
        last = frames[-2]
    return {
        "kind": type(error).__name__,
        "where": f"{Path(last.filename).name}:{last.lineno}",
        "message": str(error)[:500],
        "trace": "".join(traceback.format_exception(error))[-3000:],
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _warm_up(chosen: list[Target], folder: Path) -> None:
    """Import and make once what every case needs, so that it is not counted as theirs."""
    for number in range(60):
        run_case("warm-up", number, chosen, folder)
        clear(folder)


def clear(folder: Path) -> None:
    """Remove what the last case wrote."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            Path(entry.path).unlink()


def main() -> None:
    seed, first, last, status = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    seconds, only = int(sys.argv[5]), sys.argv[6]
    faulthandler.enable()
    faulthandler.register(signal.SIGPROF, chain=True)
    warnings.simplefilter("ignore")
    # What numpy warns of is a value that was not looked at.
    warnings.simplefilter("error", RuntimeWarning)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    chosen = targets(only)
    with (
        open(status, "r+b") as file,  # noqa: PTH123
        mmap.mmap(file.fileno(), 8) as shared,
        tempfile.TemporaryDirectory(prefix="fuzz-") as name,
    ):
        folder = Path(name)
        os.chdir(folder)
        if not only:
            _warm_up(chosen, folder)
        resource.setrlimit(resource.RLIMIT_AS, (_now_mapped() + _ADDRESSES,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _run(seed, range(first, last), chosen, folder, seconds, shared, out)


def _run(
    seed: str,
    numbers: range,
    chosen: list[Target],
    folder: Path,
    seconds: int,
    shared: Any,
    out: Any,
) -> None:
    counted: Counter[str] = Counter()
    start = _peak()
    done = numbers.start
    for number in numbers:
        shared[:8] = number.to_bytes(8, "little")
        # The system ends the process after that, whatever it does.
        signal.setitimer(signal.ITIMER_PROF, seconds)
        target, outcome, finding = run_case(seed, number, chosen, folder)
        signal.setitimer(signal.ITIMER_PROF, 0)
        clear(folder)
        counted[f"{target} {outcome}"] += 1
        done = number + 1
        if finding is not None:
            out.write(json.dumps({"case": number, "target": target} | finding) + "\n")
        if _peak() > start + MEGABYTES // 2:
            # Only growth beyond the peak is seen: begin again with a low one.
            break
    out.write(json.dumps({"done": done, "counts": counted}) + "\n")


def _now_mapped() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
