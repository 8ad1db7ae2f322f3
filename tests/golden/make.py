"""Makes the golden tables anew and prints what changed.

Run in the folder ``tests``::

    python -m golden.make [pydicom|corpus] [--write]

Without ``--write`` nothing is written. Before new lines are committed, the comparisons with
DCMTK and pydicom in this folder must pass, and a changed picture be looked at.
"""

from __future__ import annotations

import sys

from golden.images import TABLES, Row, alike, files, read_table, rows, write_table


def main(arguments: list[str]) -> int:
    chosen = [name for name in TABLES if name in arguments] or list(TABLES)
    changes = 0
    for source in chosen:
        found = files(source)
        if not found:
            sys.stdout.write(f"{source}: not here\n")
            continue
        before = {(row.file, row.frame): row for row in read_table(source)}
        after = [row for file, path in found.items() for row in rows(file, path)]
        changes += _report(before, after)
        if "--write" in arguments:
            write_table(source, _kept(before, after))
    return 1 if changes else 0


def _kept(before: dict[tuple[str, int], Row], after: list[Row]) -> list[Row]:
    """Return new lines, but the old one where both are alike: no noise in the history."""
    old = [(row, before.get((row.file, row.frame))) for row in after]
    return [known if known is not None and alike(known, row) else row for row, known in old]


def _report(before: dict[tuple[str, int], Row], after: list[Row]) -> int:
    changes = 0
    now = {(row.file, row.frame): row for row in after}
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if old is None or new is None or not alike(old, new):
            sys.stdout.write(f"- {old}\n+ {new}\n")
            changes += 1
    return changes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
