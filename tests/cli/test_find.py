"""``rendicom find`` against our own server over a socket."""

from __future__ import annotations

import csv
import io
import json

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("psutil")

from rendicom.cli.main import main
from servedfiles import GRAY, LOOP, LOOPS, PATIENT, PATIENT_ID, SQUARE, WIDE


@pytest.fixture
def find(made_server, capsys):
    def run(*arguments, url=None):
        status = main(["find", url or made_server.base, *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_table_of_studies(find):
    status, out, err = find("--match", f"StudyInstanceUID={GRAY}")
    assert (status, err) == (0, "")
    head, line = out.splitlines()
    assert head.split()[:3] == ["StudyDate", "PatientName", "PatientID"]
    assert line.split()[:3] == ["20240229", PATIENT, PATIENT_ID]
    assert line.endswith(GRAY)
    assert head.index("StudyInstanceUID") == line.index(GRAY), "columns stand below their heads"


def test_what_lies_below(find, made_server):
    _, out, _ = find(url=f"{made_server.base}/studies/{GRAY}")
    assert [line.split()[-1] for line in out.splitlines()[1:]] == [f"{GRAY}.1", f"{GRAY}.2"]
    _, out, _ = find(url=f"{made_server.base}/studies/{GRAY}/series/{GRAY}.1")
    assert {line.split()[-1] for line in out.splitlines()[1:]} >= {WIDE, SQUARE}


def test_json_is_what_the_server_says(find, made_server):
    status, out, _ = find("--json", "--level", "instances", "--match", f"SOPInstanceUID={LOOP}",
                          "--include", "00280008")  # fmt: skip
    assert status == 0
    (line,) = out.splitlines()
    model = json.loads(line)
    assert model["00080018"]["Value"] == [LOOP]
    assert model["00280008"]["Value"] == [5]
    asked = f"/instances?SOPInstanceUID={LOOP}&includefield=00280008"
    (said,) = made_server.get(asked, "application/dicom+json").json()
    assert model.items() >= said.items()


def test_csv_holds_every_result(find):
    status, out, _ = find("--csv", "--level", "series", "--include", "PatientBirthDate")
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["StudyInstanceUID"] for row in rows} >= {GRAY, LOOPS}
    assert "PatientBirthDate" in rows[0]
    _, out, _ = find("--csv", "--level", "series", "--limit", "2", "--offset", "1")
    cut = list(csv.DictReader(io.StringIO(out)))
    assert [each["SeriesInstanceUID"] for each in cut] == [
        each["SeriesInstanceUID"] for each in rows[1:3]
    ]


def test_an_address_with_its_own_query(find, made_server):
    def number(limit, *flags):
        url = f"{made_server.base}/studies?PatientID={PATIENT_ID}{limit}"
        return len(list(csv.DictReader(io.StringIO(find("--csv", *flags, url=url)[1]))))

    every = number("")
    assert every > 1
    assert number("&limit=1") == 1
    assert number("&limit=1", "--limit", "2") == 2
    assert number("&offset=1") == every - 1
    _, out, _ = find("--csv", url=f"{made_server.base}/instances?SOPInstanceUID={LOOP}")
    assert [row["SOPInstanceUID"] for row in csv.DictReader(io.StringIO(out))] == [LOOP]


def test_nothing_is_no_failure(find):
    assert find("--match", "PatientID=nobody") == (0, "", "rendicom: nothing matches\n")


def test_values_cannot_steer_a_terminal(find, made_server, tmp_path):
    from rendicom.client.columns import row

    model = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A\x1b[2JB"}]},
             "00081030": {"vr": "LO", "Value": ["one", None, 2.0]}}  # fmt: skip
    assert row(model, ("PatientName", "StudyDescription")) == ("A\x1b[2JB", "one\\\\2")
    from rendicom.cli.find import _cell

    assert _cell("PatientName", "A\x1b[2JB") == "A\\x1b[2JB"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--include", "Nonsense"], "Nonsense is neither a keyword nor a tag"),
        (["--match", "PatientID"], "KEY=VALUE"),
        (["--limit", "0"], "--limit"),
        (["--level", "frames"], "--level"),
    ],
)
def test_what_makes_no_sense(find, arguments, said):
    status, out, err = find(*arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_level_above_the_address(find, made_server):
    status, _, err = find("--level", "studies", url=f"{made_server.base}/studies/{GRAY}")
    assert (status, "already below" in err) == (2, True)


def test_values_that_no_server_could_read(find):
    status, out, err = find("--match", "StudyDate=yesterday")
    assert (status, out) == (2, "")
    assert "StudyDate is neither a date" in err
    assert err.count("\n") == 1
