"""``rendicom get`` against our own server: over a socket, and over TLS with an API key."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tlscertificate import write_certificate

pytest.importorskip("fastapi")
pytest.importorskip("psutil")

from PIL import Image

import rendicom
from clientserver import path_of
from rendicom.cli.main import main
from servedfiles import FIRST, GRAY, LOOP, LOOPS, PAPERS, PATIENT_ID, REPORT, SQUARE, WIDE, path
from serverprocess import served

HERE = ("--engine", "inline")
"""No process of its own: it takes seconds to start."""
WINDOW = rendicom.RenderOptions(window=rendicom.Window(40, 400))


@pytest.fixture
def get(made_server, capsys):
    def run(path, *arguments):
        capsys.readouterr()
        status = main(["get", made_server.base + path, *map(str, arguments)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def expected(made_server):
    """Return the picture of the file itself."""

    def make(instance, frame=1, options=WINDOW, media_type="image/png"):
        file = path_of(made_server.folders[0], instance)
        return rendicom.render(file, frame, options, media_type).data

    return make


def written(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder, less the manifest."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in found if path.name != "manifest.jsonl"}  # fmt: skip


def manifest(folder: Path) -> dict[str, dict]:
    lines = (folder / "manifest.jsonl").read_text().splitlines()
    return {line["sop_instance_uid"]: line for line in map(json.loads, lines)}


# One instance


@pytest.mark.parametrize("rendering", ["auto", "remote", "local"])
def test_one_instance(get, expected, tmp_path, rendering):
    target = tmp_path / "one.png"
    flags = ("--window", "40,400", "--render", rendering, "-v")
    status, out, err = get(path(GRAY, WIDE), target, *flags)
    assert (status, out) == (0, "")
    assert target.read_bytes() == expected(WIDE)
    assert ("retrieved and rendered here" in err) == (rendering == "local")


def test_the_url_says_how(get, expected, tmp_path):
    url = path(GRAY, WIDE) + "/rendered?window=40,400,linear"
    assert get(url, tmp_path / "said.png")[0] == 0
    assert (tmp_path / "said.png").read_bytes() == expected(WIDE)
    assert get(url, tmp_path / "typed.png", "--window", "0,80")[0] == 0, "what is typed counts more"
    options = rendicom.RenderOptions(window=rendicom.Window(0, 80))
    assert (tmp_path / "typed.png").read_bytes() == expected(WIDE, options=options)


def test_standard_output(get, expected, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stream)
    assert get(path(GRAY, WIDE), "-", "--format", "png", "--window", "40,400")[0] == 0
    assert stream.buffer.getvalue() == expected(WIDE)


def test_a_wado_uri_link(made_server, expected, tmp_path):
    link = (
        f"{made_server.url}/wado?requestType=WADO&studyUID={GRAY}&seriesUID={GRAY}.1"
        f"&objectUID={WIDE}&contentType=image/png&windowCenter=40&windowWidth=400"
    )
    assert main(["get", link, str(tmp_path / "link.png")]) == 0
    assert (tmp_path / "link.png").read_bytes() == expected(WIDE)


@pytest.mark.parametrize("rendering", ["remote", "local"])
def test_frames(get, expected, tmp_path, rendering):
    how = ("--format", "png", "--render", rendering)
    frame = path(LOOPS, LOOP, "4")
    assert get(frame, tmp_path / "four.png", "--render", rendering)[0] == 0
    four = expected(LOOP, 4, rendicom.RenderOptions())
    assert (tmp_path / "four.png").read_bytes() == four
    assert get(path(LOOPS, LOOP), f"{tmp_path}/all/", *how, *HERE, "--frames", "2,4-5")[0] == 0
    found = written(tmp_path / "all")
    assert len(found) == 3
    assert [found[name] for name in sorted(found)] == [
        expected(LOOP, frame, rendicom.RenderOptions()) for frame in (2, 4, 5)
    ]


def test_a_loop_becomes_one_picture(get, tmp_path):
    assert get(path(LOOPS, LOOP), tmp_path / "loop.gif", "--render", "local")[0] == 0
    with Image.open(tmp_path / "loop.gif") as shown:
        assert (shown.n_frames, shown.size) == (5, (12, 8))


# Many


@pytest.mark.parametrize("rendering", ["auto", "remote", "local"])
def test_a_study(get, expected, tmp_path, rendering):
    how = ("--format", "png", "--window", "40,400", "--render", rendering, "--series", f"{GRAY}.1",
           *(HERE if rendering != "auto" else ()))  # fmt: skip
    status, _, err = get(f"/studies/{GRAY}", tmp_path, *how)
    assert (status, "3 pictures written" in err) == (0, True)
    assert written(tmp_path) == {f"{each}.png": expected(each) for each in (WIDE, SQUARE, FIRST)}
    assert manifest(tmp_path)[WIDE]["options"] == WINDOW.canonical()


def test_what_is_not_an_image_is_counted_apart(get, tmp_path):
    status, _, err = get(f"/studies/{GRAY}", tmp_path, "--format", "png", *HERE)
    assert status == 0
    assert "3 pictures written" in err
    assert "1 object has no pixels" in err
    assert {Path(name).stem for name in written(tmp_path)} == {WIDE, SQUARE, FIRST}
    assert {Path(name).parent.name for name in written(tmp_path)} == {f"{GRAY}.1"}
    (other,) = (each for each in manifest(tmp_path).values() if each["status"] == "no-pixels")
    assert other["code"] == "no-pixel-data"


def test_a_report_becomes_a_page(get, tmp_path):
    assert get(path(PAPERS, REPORT), tmp_path / "report.html")[0] == 0
    assert b"<html" in (tmp_path / "report.html").read_bytes()[:200].lower()


def test_what_a_search_finds(get, tmp_path):
    how = ("--match", f"PatientID={PATIENT_ID}", "--modality", "CT", "--limit", "2")
    status, out, _ = get("", tmp_path, *how, "--format", "jpg", "--json", *HERE)
    assert status == 0
    lines = list(map(json.loads, out.splitlines()))
    assert len(lines) == len(written(tmp_path)) == 2
    assert {Path(name).parts[:2] for name in written(tmp_path)} == {(GRAY, f"{GRAY}.1")}
    assert all(line["status"] == "ok" for line in lines)


@pytest.mark.parametrize(("search", "pictures"), [
    (f"/studies/{GRAY}/series/{GRAY}.1/instances?limit=2", 2),
    (f"/instances?PatientID={PATIENT_ID}&Modality=CT&limit=1", 1),
    (f"/studies?PatientID={PATIENT_ID}&ModalitiesInStudy=CT&limit=1", 3),
])  # fmt: skip
def test_the_limit_of_a_search_is_kept(get, search, pictures, tmp_path):
    status, _, err = get(search, tmp_path, "--format", "jpg", *HERE)
    assert (status, len(written(tmp_path))) == (0, pictures), err


def test_an_unusable_limit_is_refused(get, tmp_path):
    status, _, err = get("/studies?limit=many", tmp_path, *HERE)
    assert (status, "limit is not a whole number" in err) == (2, True)


def test_flags_name_what_the_url_may(get, expected, tmp_path):
    flags = ("--study", GRAY, "--series", f"{GRAY}.1", "--instance", WIDE, "--window", "40,400")
    assert get("", tmp_path / "one.png", *flags)[0] == 0
    assert (tmp_path / "one.png").read_bytes() == expected(WIDE)


def test_resume_asks_for_what_is_missing(get, tmp_path):
    how = ("--format", "png", "--render", "local", *HERE)
    series = f"/studies/{GRAY}/series/{GRAY}.1"
    assert get(series, tmp_path, *how)[0] == 0
    whole = written(tmp_path)
    (tmp_path / f"{WIDE}.png").unlink()
    kept = (tmp_path / f"{SQUARE}.png").stat().st_mtime_ns
    status, _, err = get(series, tmp_path, *how, "--resume")
    assert status == 0
    assert "1 picture written" in err
    assert written(tmp_path) == whole
    assert (tmp_path / f"{SQUARE}.png").stat().st_mtime_ns == kept


# TLS and a key


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("tls"))


def test_tls_and_a_key_change_nothing_of_the_pictures(
    get, made_server, certificate, tmp_path, capsys, monkeypatch
):
    keys = tmp_path / "keys"
    assert main(["key", str(keys), "--name", "test"]) == 0
    secret = capsys.readouterr().out.strip()
    (tmp_path / "secret").write_text(secret + "\n")
    cert, key = certificate
    how = ["--format", "png", "--series", f"{GRAY}.1", *HERE]
    folder = made_server.folders[0]
    # What waits for the index is not let in: the server is asked until it has all.
    arguments = ("--tls-cert", cert, "--tls-key", key, "--api-key-file", keys)
    with served(folder, *arguments, "--rescan", "0") as running:
        secure = f"{running.base}/studies/{GRAY}"
        trusted = ["--ca-bundle", str(cert)]
        assert main(["get", secure, str(tmp_path / "no"), *how]) == 1
        assert "certificate" in capsys.readouterr().err
        assert main(["get", secure, str(tmp_path / "no"), *how, *trusted]) == 1
        assert "key" in capsys.readouterr().err
        _wait(running, cert, secret)
        given = ["--api-key", f"@{tmp_path / 'secret'}", *trusted]
        assert main(["get", secure, str(tmp_path / "tls"), *how, *given, "-v"]) == 0
        said = capsys.readouterr()
        monkeypatch.setenv("PACS_KEY", secret)
        header = ["-H", "X-API-Key: env:PACS_KEY", *trusted]
        status = main(["get", secure, str(tmp_path / "header"), *how, *header, "--no-http2"])
        assert (status, capsys.readouterr().out) == (0, "")
    assert get(f"/studies/{GRAY}", tmp_path / "plain", *how)[0] == 0
    plain = written(tmp_path / "plain")
    assert len(plain) == 3
    assert written(tmp_path / "tls") == written(tmp_path / "header") == plain
    assert secret not in said.out + said.err + (tmp_path / "tls/manifest.jsonl").read_text()
    assert _lines(tmp_path / "tls") == _lines(tmp_path / "plain")


def _wait(running, cert, secret):
    import ssl

    import httpx2

    from serverprocess import until

    context = ssl.create_default_context(cafile=str(cert))
    with httpx2.Client(verify=context, headers={"apikey": secret}) as client:
        asked = f"{running.base}/studies/{GRAY}/series/{GRAY}.1/instances"
        until(lambda: (r := client.get(asked)).status_code == 200 and len(r.json()) == 3,
              what="index")  # fmt: skip


def _lines(folder: Path) -> dict[str, dict]:
    """Return the manifest without what depends on the server's address and on time."""
    left_out = ("source", "output", "time", "recipe", "source_version")
    return {
        uid: {name: value for name, value in line.items() if name not in left_out}
        for uid, line in manifest(folder).items()
    }


# What cannot be


@pytest.mark.parametrize(
    ("below", "arguments", "said"),
    [
        (f"/studies/{GRAY}", [], "TARGET"),
        (path(GRAY, WIDE), ["a.png", "b.png"], "one TARGET"),
        ("", ["out", "--instance", WIDE], "--study"),
        (f"/studies/{GRAY}", ["out", "--study", "1.2.3"], "different"),
        ("", ["out", "--match", "PatientID"], "KEY=VALUE"),
        ("/studies/%0a1.2", ["out"], "UID"),
        (path(GRAY, WIDE), ["a.png", "--window", "40"], "window"),
        (f"/studies/{GRAY}", ["out", "--engine", "dask://localhost:1"], "credentials"),
        (path(GRAY, WIDE) + "?", ["a.png", "--jobs", "2"], "jobs"),
    ],
)
def test_what_makes_no_sense(get, tmp_path, monkeypatch, below, arguments, said):
    monkeypatch.chdir(tmp_path)
    status, out, err = get(below, *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert not list(tmp_path.iterdir())


def test_what_is_not_there(get, tmp_path):
    status, _, err = get(path(GRAY, "1.2.3"), tmp_path / "no.png")
    assert (status, err.count("\n")) == (1, 1)
    assert get("", tmp_path / "out", "--match", "PatientID=nobody", "--format", "png")[0] == 1
    assert not (tmp_path / "no.png").exists()


def test_what_the_server_cannot_make(get, tmp_path):
    status, _, err = get(
        path(GRAY, WIDE), tmp_path / "a.png", "--render", "remote", "--frames", "2"
    )
    assert status == 1
    assert "frame 2" in err
