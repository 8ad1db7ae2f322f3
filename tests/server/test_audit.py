from __future__ import annotations

import json
import os

import pytest

from rendicom.errors import OptionError
from rendicom.server.audit import Audit, uids_of


def test_lines_are_appended_in_order(tmp_path):
    path = tmp_path / "audit"
    path.write_text("before\n", encoding="utf-8")
    audit = Audit(str(path))
    audit.start()
    for number in range(2500):
        audit.record({"number": number})
    audit.close()
    first, *others = path.read_text("utf-8").splitlines()
    assert first == "before"
    assert [json.loads(line)["number"] for line in others] == list(range(2500))
    assert audit.lost == 0


def test_the_file_may_be_moved_away(tmp_path):
    path = tmp_path / "audit"
    audit = Audit(str(path))
    audit.start()
    audit.record({"number": 1})
    audit.close()
    path.rename(tmp_path / "audit.1")
    audit.start()
    audit.record({"number": 2})
    audit.close()
    assert (tmp_path / "audit.1").read_text("utf-8") == '{"number": 1}\n'
    assert path.read_text("utf-8") == '{"number": 2}\n'


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_the_file_is_private(tmp_path):
    audit = Audit(str(tmp_path / "audit"))
    audit.start()
    audit.close()
    assert (tmp_path / "audit").stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_written_is_not_begun_with(tmp_path):
    with pytest.raises(OptionError, match=r"--audit-log .* cannot be written"):
        Audit(str(tmp_path / "none" / "audit")).start()


def test_lines_that_are_lost_are_counted(tmp_path, caplog):
    folder = tmp_path / "logs"
    folder.mkdir()
    audit = Audit(str(folder / "audit"))
    audit.start()
    (folder / "audit").unlink()
    folder.rmdir()
    audit.record({"number": 1})
    audit.close()
    assert audit.lost == 1
    assert "the audit log cannot be written" in caplog.text


def test_standard_error_will_do(capsys):
    audit = Audit("-")
    audit.start()
    audit.record({"number": 1})
    audit.close()
    assert capsys.readouterr().err == '{"number": 1}\n'


def test_without_a_file_nothing_is_written():
    audit = Audit("")
    assert not audit.is_on
    audit.start()
    audit.record({"number": 1})
    audit.close()


@pytest.mark.parametrize(
    ("path", "query", "found"),
    [
        ({"study": "1.2", "series": "3", "instance": "4"}, {},
         {"study": "1.2", "series": "3", "instance": "4"}),
        ({"study": "1.2", "frames": "1,2"}, {}, {"study": "1.2", "frames": "1,2"}),
        ({"study": "DOE^JOHN"}, {}, {}),
        ({"study": "1" * 65}, {}, {}),
        ({"study": "1.2\n3"}, {}, {}),
        ({"frames": "../../etc"}, {}, {}),
        ({}, {"studyUID": "1", "SERIESUID": "2", "objectUID": "3"},
         {"study": "1", "series": "2", "instance": "3"}),
        ({}, {"PatientID": "4711", "StudyInstanceUID": "1.2"}, {}),
        ({}, {"studyUID": "DOE"}, {}),
    ],
)  # fmt: skip
def test_only_what_looks_like_uids_gets_in(path, query, found):
    assert uids_of(path, query) == found
