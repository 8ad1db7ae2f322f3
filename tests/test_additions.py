"""What ARCHITECTURE.md says takes one file takes one file: tried in a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

import rendicom
from rendicom.testing import encapsulate, image, rle
from serverprocess import served

UIDS = ("0020000D", "0020000E", "00080018")
RLE_LOSSLESS = "1.2.840.10008.1.2.5"
PIXELS = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)

CODEC = """
import numpy as np
from rendicom.pixels.codecs import Decoded


class _Constant:
    name = "constant"
    streams = ("rle",)
    install = "part of this test"
    rank = 1

    def version(self):
        return "1"

    def decode(self, stream, request):
        return Decoded(np.full((request.rows, request.columns), 77, np.uint8))


CODEC = _Constant()
"""

FORMAT = """
from rendicom.encode.formats import Format

FORMAT = Format(
    name="plain",
    title="Plain",
    media_type="image/x-plain",
    extensions=(".pln", ".plain"),
    gray=("uint8",),
    colour=("uint8",),
    lossy=False,
    icc=False,
    max_side=65535,
    library="numpy",
    encode=lambda image, settings: b"PLAIN" + image.samples.tobytes(),
)
"""

ROWS_OF_THE_ENGINE = """
from rendicom.engine.encoding import encoded
from rendicom.errors import OptionError
from rendicom.values import DisplayImage


class _Rows:
    def picture(self, instance, request, presentation):
        first, last = map(int, request.selection.text.split("-"))
        if last > instance.description.rows:
            raise OptionError(f"rows end at {instance.description.rows}")
        displayed = instance.displayed(1, request.options, presentation)
        samples = displayed.image.samples[first - 1 : last]
        return encoded(displayed._replace(image=DisplayImage(samples)), request)


SELECTION = _Rows()
"""

ROWS_OF_THE_WIRE = """
from rendicom.errors import OptionError
from rendicom.selection import Selection


class _Rows:
    help = "Rows of the first frame."
    metavar = "FIRST-LAST"

    def read(self, text):
        if text.count("-") != 1:
            raise OptionError(f"rows {text!r} is not of the form 2-5")
        return Selection("rows", text)

    def write(self, selection, instance, *, number_of_frames):
        return instance, selection.text


FORM = _Rows()
"""

ASK_FOR_ROWS = """
import sys, rendicom
request = rendicom.PictureRequest(rendicom.Selection("rows", "2-5"), media_type="image/png")
if sys.argv[1].startswith("http"):
    archive = rendicom.connect(sys.argv[1], rendering="remote")
else:
    archive = rendicom.open_folder(sys.argv[1])
with archive:
    (resource,) = archive.instances()
    print(archive.picture(*resource[:3], request).data.hex())
"""


class Copy:
    """A copy of the package, to which files are added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(
            Path(rendicom.__file__).parent,
            folder / "rendicom",
            ignore=shutil.ignore_patterns("__pycache__"),
        )

    def add(self, path: str, text: str) -> None:
        target = self.folder / "rendicom" / path
        assert not target.exists()
        target.write_text(text, encoding="utf-8")

    def insert(self, path: str, before: str, text: str) -> None:
        target = self.folder / "rendicom" / path
        old = target.read_text(encoding="utf-8")
        assert old.count(before) == 1
        target.write_text(old.replace(before, text + before), encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.folder)}

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


@pytest.fixture
def dicom(tmp_path: Path) -> Path:
    path = tmp_path / "image.dcm"
    path.write_bytes(
        image(encapsulate([rle(PIXELS)]), rows=12, columns=16, transfer_syntax=RLE_LOSSLESS)
    )
    return path


def test_a_codec_is_one_file(copy: Copy, dicom: Path) -> None:
    copy.add("pixels/codecs/constant.py", CODEC)
    code = "import rendicom; print(rendicom.open_instance('image.dcm').frame().samples.max())"
    assert copy.run("-c", code).strip() == "77"
    assert "constant" in copy.run("-m", "rendicom", "doctor")
    assert "constant" in copy.run("-m", "rendicom", "info", "image.dcm")


def test_a_format_is_one_file(copy: Copy, dicom: Path) -> None:
    copy.add("encode/formats/plain.py", FORMAT)
    copy.run("-m", "rendicom", "convert", "image.dcm", "image.pln")
    copy.run("-m", "rendicom", "convert", "--format", "plain", "image.dcm", "second.plain")
    made = (copy.folder / "image.pln").read_bytes()
    assert made == (copy.folder / "second.plain").read_bytes()
    assert len(made) == len(b"PLAIN") + PIXELS.size
    code = "import rendicom; print(rendicom.render('image.dcm', media_type='image/x-plain').data)"
    assert copy.run("-c", code).strip() == repr(made)
    assert "plain" in copy.run("-m", "rendicom", "doctor")
    code = "from rendicom.dicomweb.mediatypes import picture_types; print(picture_types())"
    assert "image/x-plain" in copy.run("-c", code)


SEARCH = """
from rendicom.client.resource_urls import parse_address
from rendicom.dicomweb.query import parse_query
from rendicom.errors import BadRequestError
from rendicom.server.routes.search import router

asked = [("soundex", "true"), ("PatientID", "4711")]
query = parse_query(asked, level="studies")
assert query.flags == {"soundex"} and len(query.matches) == 1, query
try:
    parse_query([("soundex", "maybe")], level="studies")
except BadRequestError as error:
    assert error.parameter == "soundex"
else:
    raise AssertionError
address = parse_address("https://pacs.example/rs/studies?soundex=true&PatientID=4711")
assert address.matches == tuple(asked), address
for route in router.routes:
    listed = {each["name"]: each for each in route.openapi_extra["parameters"]}
    assert listed["soundex"]["description"] == "Match names that sound alike."
    assert listed["soundex"]["schema"]["enum"] == ["true", "false"]
"""


def test_a_search_parameter_is_one_line(copy: Copy) -> None:
    row = 'SearchParameter("soundex", "Match names that sound alike.", "flag"),\n    '
    copy.insert("dicomweb/search_parameters.py", 'SearchParameter("accept"', row)
    copy.run("-c", SEARCH)


def test_a_kind_of_selection_is_a_file_of_the_engine_and_one_of_the_wire(
    copy: Copy, dicom: Path
) -> None:
    copy.add("engine/selections/rows.py", ROWS_OF_THE_ENGINE)
    copy.add("dicomweb/selections/rows.py", ROWS_OF_THE_WIRE)
    folder = dicom.parent / "images"
    folder.mkdir()
    dicom.rename(folder / dicom.name)
    made = bytes.fromhex(copy.run("-c", ASK_FOR_ROWS, str(folder)))
    with rendicom.open_instance(folder / dicom.name) as instance:
        expected = instance.display()[1:5]
    assert np.array_equal(imagecodecs.png_decode(made), expected)
    with served(folder, environment=copy.environment) as server:
        server.wait_for_index(1)
        (found,) = server.get("/instances").json()
        study, series, uid = (found[tag]["Value"][0] for tag in UIDS)
        path = f"/studies/{study}/series/{series}/instances/{uid}/rendered"
        answer = server.get(f"{path}?rows=2-5", "image/png")
        assert (answer.status_code, answer.content) == (200, made)
        assert server.get(path, "image/png").headers["etag"] != answer.headers["etag"]
        for wrong in ("rows=x", "rows=2-99", "rows=2-5&frames=1-2"):
            assert server.get(f"{path}?{wrong}", "image/png").status_code == 400
        assert bytes.fromhex(copy.run("-c", ASK_FOR_ROWS, server.base)) == made
        described = server.get(f"{server.url}/openapi.json").text
        assert '"rows"' in described
