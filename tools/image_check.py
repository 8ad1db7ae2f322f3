"""Build the image of ``deploy/Dockerfile`` without Docker, try it and measure it.

The instructions of the Dockerfile run in chroots that debootstrap makes, so no step is written
twice. Then the image makes a picture of each format, and its server starts as the user of the
image on a root file system that is read-only. Needs root, Linux, debootstrap, and a Debian mirror
and a package index that can be reached::

    python tools/image_check.py [--work FOLDER] [--mirror URL]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_BYTES = 350_000_000
# What Debian's slim images leave out: of /usr/share/doc all but the copyright.
LEFT_OUT = ("doc/*", "info", "locale", "man")
CACHES = ("var/cache/apt/*", "var/lib/apt/lists/*", "var/log/*")
CLEAN = 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin"; };\n'
FORMATS = ("avif", "gif", "jls", "jp2", "jpg", "jxl", "png", "tiff", "webp")
# Nothing but the volumes can be written to; the keys lie on one of them.
SERVE = """
touch /opt/x 2>/dev/null && exit 90
touch /studies/x 2>/dev/null && exit 91
rendicom key /tmp/keys --name check >/dev/null || exit 92
exec "$@"
"""
PICTURES = """
set -e
cd /tmp
rendicom sample ct.dcm
for format in "$@"; do rendicom convert ct.dcm ct.$format; done
"""


@dataclass
class Stage:
    """One stage of the Dockerfile: its file system, and what the instructions have set so far."""

    root: Path
    environment: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    )
    user: str = "0:0"
    volumes: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] = ()

    def command(self, *command: str, mounts: str = "", user: str = "0:0") -> list[str]:
        """Return the command in the file system, in a mount namespace that goes with it."""
        script = (
            f'set -e; cd "$1"; {mounts} mount -t proc proc proc; mount --rbind /dev dev; '
            f'shift; exec chroot --userspec={user} . "$@"'
        )
        return ["unshare", "--mount", "sh", "-c", script, "sh", str(self.root), *command]

    def sealed(self, *command: str) -> list[str]:
        """Return the command as a container runs it: its user, its volumes, all else read-only."""
        uid, _, gid = self.user.partition(":")
        mounts = 'mount --bind "$1" "$1"; cd "$1"; mount -o remount,bind,ro "$1"; '
        for path in self.volumes:
            mounts += f"mount -t tmpfs -o mode=700,uid={uid},gid={gid} tmpfs .{path}; "
        return self.command(*command, mounts=mounts, user=self.user)


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command that must succeed."""
    print("+", shlex.join(command)[-160:].replace("\n", " "), flush=True)
    subprocess.run(command, check=True, env=environment)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield the instructions of a Dockerfile with their arguments, on one line each."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name.upper(), rest.strip()


def slim_debian(release: str, work: Path, mirror: str) -> Path:
    """Return a minimal Debian like that of the slim images, made once."""
    root = work / f"debian-{release}"
    if root.exists():
        return root
    begun = root.with_suffix(".part")
    shutil.rmtree(begun, ignore_errors=True)
    run(["debootstrap", "--variant=minbase", release, str(begun), mirror])
    for pattern in (*CACHES, *(f"usr/share/{name}/*" for name in LEFT_OUT)):
        for path in begun.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != "copyright":
                path.unlink()
    rules = [f"path-exclude /usr/share/{name}/*\n" for name in LEFT_OUT]
    rules.append("path-include /usr/share/doc/*/copyright\n")
    (begun / "etc/dpkg/dpkg.cfg.d/docker").write_text("".join(rules))
    (begun / "etc/apt/apt.conf.d/docker-clean").write_text(CLEAN)
    return begun.rename(root)


def run_step(stage: Stage, script: str, arguments: Mapping[str, str]) -> None:
    """Run a RUN instruction; what it needs of this machine's network is mounted, not copied."""
    environment = {**arguments, **stage.environment, "DEBIAN_FRONTEND": "noninteractive"}
    environment |= {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}
    mounts = "mount -t tmpfs tmpfs run; cp /etc/resolv.conf run/; touch etc/resolv.conf; "
    mounts += "mount --bind run/resolv.conf etc/resolv.conf; "
    # Mirrors may have certificates of this machine's own.
    trusted = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    if Path(trusted).is_file():
        mounts += f"cp {shlex.quote(trusted)} run/certificates.crt; "
        environment |= dict.fromkeys(("PIP_CERT", "SSL_CERT_FILE"), "/run/certificates.crt")
    run(stage.command("bash", "-o", "pipefail", "-ec", script, mounts=mounts), environment)


def copy(stages: Mapping[str, Stage], stage: Stage, words: Sequence[str]) -> None:
    """Copy as COPY does."""
    origin, ignored = ROOT, shutil.ignore_patterns("__pycache__")
    if words[0].startswith("--from="):
        origin, ignored = stages[words[0].removeprefix("--from=")].root, None
        words = words[1:]
    for source in words[:-1]:
        path = origin / source.lstrip("/")
        target = stage.root / words[-1].lstrip("/")
        target = target / path.name if words[-1].endswith("/") else target
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy2(path, target)


def build(text: str, work: Path, mirror: str) -> Stage:
    """Follow the Dockerfile to its last stage, and return that."""
    stages: dict[str, Stage] = {}
    arguments: dict[str, str] = {}
    stage = Stage(work)
    for name, rest in instructions(text):
        words = shlex.split(rest)
        if name == "FROM":
            release = re.fullmatch(r"debian:(\w+)-slim", words[0])
            assert release, f"{words[0]} is not one of Debian's slim images"
            stage = Stage(work / f"stage-{len(stages)}")
            stages[words[2] if len(words) == 3 else "last"] = stage
            arguments = {}
            shutil.rmtree(stage.root, ignore_errors=True)
            run(["cp", "-a", str(slim_debian(release[1], work, mirror)), str(stage.root)])
        elif name == "RUN":
            run_step(stage, rest, arguments)
        elif name == "COPY":
            copy(stages, stage, words)
        elif name in {"ARG", "ENV"}:
            kept = arguments if name == "ARG" else stage.environment
            path = stage.environment["PATH"]
            kept.update(word.replace("$PATH", path).split("=", 1) for word in words)
        elif name == "USER":
            stage.user = rest
        elif name in {"VOLUME", "ENTRYPOINT"}:
            setattr(stage, {"VOLUME": "volumes"}.get(name, "entrypoint"), tuple(json.loads(rest)))
        elif name == "HEALTHCHECK":
            stage.healthcheck = tuple(json.loads(rest[rest.index("CMD ") + 4 :]))
        else:
            assert name in {"SHELL", "CMD", "EXPOSE"}, f"{name} is not known here"
    return stage


def serve(stage: Stage) -> None:
    """Start the server, and wait until the health check of the image succeeds."""
    served = [*stage.entrypoint, "/studies", "--api-key-file", "/tmp/keys"]  # noqa: S108
    process = subprocess.Popen(
        stage.sealed("sh", "-c", SERVE, "sh", *served),
        env=stage.environment,
        start_new_session=True,
    )
    try:
        check = stage.command(*stage.healthcheck, user=stage.user)
        for _ in range(120):
            if process.poll() is not None:
                sys.exit(f"the server ended with status {process.returncode}")
            if not subprocess.run(check, env=stage.environment, capture_output=True).returncode:
                return
            time.sleep(0.5)
        sys.exit("the server did not get ready in a minute")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def main() -> None:
    """Build, try, measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, help="folder for the file systems; Debian is kept")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    asked = parser.parse_args()
    if os.geteuid() or not shutil.which("debootstrap"):
        print("this needs root and debootstrap: the image is not checked")
        return
    work = asked.work or Path(tempfile.mkdtemp(prefix="rendicom-image-"))
    try:
        stage = build((ROOT / "deploy/Dockerfile").read_text(), work, asked.mirror)
        assert stage.user.partition(":")[0] not in {"0", "root"}
        run(stage.sealed("sh", "-c", PICTURES, "sh", *FORMATS), stage.environment)
        serve(stage)
        print(f"the server is ready, as user {stage.user} on a read-only root file system")
        du = ["du", "-sx", "--block-size=1", str(stage.root)]
        size = int(subprocess.run(du, stdout=subprocess.PIPE, check=True).stdout.split()[0])
        print(f"the image takes {size / 1e6:.0f} MB")
        if size >= MOST_BYTES:
            sys.exit(f"that is more than {MOST_BYTES / 1e6:.0f} MB")
    finally:
        if not asked.work:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
