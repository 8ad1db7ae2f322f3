"""Build the documentation site: ``python tools/docsite [FOLDER]``.

Every page of ``docs/`` is copied; lines ``<!-- generated: NAME -->`` become what the function NAME
in `tables`, `commands`, `rest`, `python_api` or `conformance` makes of the program's own tables.
Pictures of the gallery are rendered on the way. Warnings of the site generator, links that lead
nowhere and generators that no page uses are errors.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from docsite.links import broken_links
from docsite.staging import ROOT, stage


def main(target: str = "site") -> int:
    """Build the site in a folder and return the exit status."""
    site = Path(target).absolute()
    if site.exists() and not (site / "sitemap.xml").exists():
        print(f"{site} is there already and is not a site")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        stage(work / "docs")
        shutil.copy(ROOT / "zensical.toml", work)
        command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True)
        if done.returncode:
            print(done.stdout, done.stderr)
            return 1
        shutil.rmtree(site, ignore_errors=True)
        shutil.move(work / "site", site)
    wrong = broken_links(site)
    print("\n".join(wrong) if wrong else f"{len(list(site.rglob('*.html')))} pages in {site}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
