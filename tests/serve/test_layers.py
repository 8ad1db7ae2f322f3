"""Layers over HTTP: on images, for the objects that are about them, and as a list."""

from __future__ import annotations

import re
from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import generate_uid

import phantoms
import rendicom
from brokenparts import reference
from phantoms import (
    PET,
    as_bytes,
    blended,
    dataset,
    key_objects,
    segmentation,
    series,
    structure_set,
)
from rendicom.cli.main import main
from rendicom.dicomweb.multipart import read_multipart
from rendicom.engine import InstanceLocation
from rendicom.server import layer_tasks
from serverprocess import served, until

RED, BLUE = (255, 0, 0), (0, 160, 255)
FILL = {"layer-style": "fill"}
PARTS = 'multipart/related; type="image/png"'


class Study:
    """A CT of six slices, a PET on four of them, and a segmentation of slices 3 to 5."""

    def __init__(self):
        values = np.random.default_rng(3)
        self.ct = series(values.integers(0, 256, (6, 32, 40)), position=(-20, -16, 0))
        self.pet = series(
            values.integers(0, 200, (4, 16, 20)), position=(-19.5, -15.5, 0), spacing=(2, 2),
            sop_class=PET,
        )  # fmt: skip
        self.masks = np.zeros((6, 32, 40, 2), np.uint8)
        self.masks[2:5, 4:20, 6:30, 0] = 1
        self.masks[3, 22:30, 2:9, 1] = 1
        self.seg = segmentation(self.ct, self.masks, "BINARY", [RED, BLUE], count=2)
        self.keys = key_objects([self.ct[4], self.ct[1]], self.ct)
        self.structures = self._structures()
        self.plan = dataset("1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN")
        self.blending = self._blending()

    def _structures(self):
        z = float(self.ct[2].ImagePositionPatient[2])
        square = [(-10.5, -8.5, z), (4.5, -8.5, z), (4.5, 3.5, z), (-10.5, 3.5, z)]
        contour = ("CLOSED_PLANAR", square, self.ct[2])
        return structure_set((4, "Vries^Jan", (0, 255, 0), [contour]))

    def _blending(self):
        ds = dataset("1.2.840.10008.5.1.4.1.1.11.4", "PR")
        inputs = []
        for position, images, window in (
            ("UNDERLYING", self.ct[:2], (128, 256)),
            ("SUPERIMPOSED", self.pet, (100, 200)),
        ):
            item, of_series, voi = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
            item.BlendingPosition, item.StudyInstanceUID = position, images[0].StudyInstanceUID
            of_series.SeriesInstanceUID = images[0].SeriesInstanceUID
            of_series.ReferencedImageSequence = [reference(each) for each in images]
            item.ReferencedSeriesSequence = [of_series]
            voi.WindowCenter, voi.WindowWidth = window
            item.SoftcopyVOILUTSequence = [voi]
            item.RescaleIntercept, item.RescaleSlope, item.RescaleType = 0, 1, "US"
            inputs.append(item)
        ds.BlendingSequence, ds.RelativeOpacity = inputs, 0.25
        palette = np.arange(256, dtype="<u2") * 257
        for name in ("Red", "Green", "Blue"):
            setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(ds, f"{name}PaletteColorLookupTableData", palette.tobytes())
        return ds

    def objects(self):
        named = {"seg": self.seg, "ko": self.keys, "rs": self.structures, "plan": self.plan,
                 "pr": self.blending}  # fmt: skip
        for kind in ("ct", "pet"):
            named |= {f"{kind}{number}": each for number, each in enumerate(getattr(self, kind))}
        return named


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = Study()
    made.folder = tmp_path_factory.mktemp("layers")
    for name, ds in made.objects().items():
        (made.folder / f"{name}.dcm").write_bytes(as_bytes(ds))
    return made


@pytest.fixture(scope="module")
def server(study):
    with served(study.folder, "--rescan", "0") as running:
        running.wait_for_index()
        yield running


def where(ds, below=""):
    return (
        f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
        f"/instances/{ds.SOPInstanceUID}{below}"
    )


def rendered(server, ds, accept="image/png", below="/rendered", **query):
    return server.get(where(ds, below), accept, params=query)


def pixels(data):
    return np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(float)


def gray(ds):
    return rendicom.open_instance(ds).display(1)


def expected(study, index, opacity=0.4):
    shares = [(c, study.masks[index, ..., n] * opacity) for n, c in enumerate((RED, BLUE))]
    return blended(gray(study.ct[index]), shares)


# --- on an image ----------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["/rendered", "/frames/1/rendered"])
def test_a_layer_is_drawn_and_has_its_options(server, study, below):
    layer = {"layer": str(study.seg.SOPInstanceUID), **FILL}
    answer = rendered(server, study.ct[3], below=below, **layer, **{"layer-opacity": "0.7"})
    assert answer.status_code == 200
    np.testing.assert_allclose(pixels(answer.content), expected(study, 3, 0.7), atol=2.01)
    one = rendered(server, study.ct[3], below=below, **layer, **{"layer-items": "2"})
    changed = (pixels(one.content) != gray(study.ct[3])[..., None]).any(axis=-1)
    np.testing.assert_array_equal(changed, study.masks[3, ..., 1] == 1)


def test_values_of_each_layer_are_in_the_order_of_the_layers(server, study, tmp_path):
    uids = (study.pet[0].SeriesInstanceUID, study.seg.SOPInstanceUID)
    each = {"layer-opacity": "0.7,0.2", "layer-style": ",fill", "layer-items": ";2"}
    answer = rendered(server, study.ct[3], layer=",".join(uids), **each)
    options = rendicom.RenderOptions(
        layer_opacity=(0.7, 0.2), layer_style=(None, "fill"), layer_items=(None, ("2",))
    )
    for number, ds in enumerate(study.pet):
        (tmp_path / f"{number}.dcm").write_bytes(as_bytes(ds))
    by_library = rendicom.open_instance(study.folder / "ct3.dcm").render(
        1, options, "image/png", layers=[tmp_path, study.folder / "seg.dcm"]
    )
    assert answer.content == by_library.data
    several = {"accept": "image/gif", "layer": uids[0], "layer-opacity": "1,0.1"}
    drawn = rendered(server, study.seg, **several)
    assert drawn.status_code == 200
    wrong = rendered(server, study.ct[3], "image/png, application/problem+json",
                     layer=",".join(uids), **{"layer-opacity": "1,1,1"})  # fmt: skip
    assert (wrong.status_code, wrong.json()["parameter"]) == (400, "layer-opacity")
    assert "3 values for 2 layers" in wrong.json()["detail"]


def test_the_bytes_are_those_of_the_library(server, study):
    options = rendicom.RenderOptions(layer_style="outline")
    files = [study.folder / "seg.dcm", study.folder / "rs.dcm"]
    by_library = rendicom.open_instance(study.folder / "ct2.dcm").render(
        1, options, "image/png", layers=files
    )
    uids = f"{study.seg.SOPInstanceUID},{study.structures.SOPInstanceUID}"
    answer = rendered(server, study.ct[2], layer=uids, **{"layer-style": "outline"})
    assert answer.content == by_library.data
    assert len(by_library.layers) == 2


def test_a_series_is_one_volume(server, study):
    by_library = rendicom.open_instance(study.folder / "ct1.dcm").render(
        1, media_type="image/png", layers=[study.folder / "pet1.dcm"]
    )
    answer = rendered(server, study.ct[1], layer=str(study.pet[0].SeriesInstanceUID))
    pet = pixels(answer.content)
    assert (pet != gray(study.ct[1])[..., None]).any(axis=-1).mean() > 0.9
    # The slice is the same; the range that the palette spans is that of the series.
    assert pet.shape == by_library.array.shape


def test_order_decides_what_is_above(server, study):
    uids = [str(study.seg.SOPInstanceUID), str(study.pet[0].SeriesInstanceUID)]
    options = {**FILL, "layer-opacity": "1"}
    below, above = (
        pixels(rendered(server, study.ct[3], layer=",".join(each), **options).content)
        for each in (uids, uids[::-1])
    )
    assert (above[10, 10] == RED).all()
    assert (below[10, 10] != RED).any()


def test_answers_of_layers_are_told_apart_and_kept(server, study):
    uid = str(study.seg.SOPInstanceUID)
    plain, layered = rendered(server, study.ct[3]), rendered(server, study.ct[3], layer=uid)
    assert plain.headers["etag"] != layered.headers["etag"]
    assert plain.content != layered.content
    again = server.get(
        where(study.ct[3], "/rendered"), "image/png", params={"layer": uid},
        headers={"if-none-match": layered.headers["etag"]},
    )  # fmt: skip
    assert again.status_code == 304


def test_a_layer_that_changes_gives_another_picture(study, tmp_path):
    image, first = tmp_path / "ct.dcm", tmp_path / "seg.dcm"
    image.write_bytes((study.folder / "ct3.dcm").read_bytes())
    first.write_bytes((study.folder / "seg.dcm").read_bytes())
    with served(tmp_path, "--rescan", "1") as running:
        running.wait_for_index()
        uid = {"layer": str(study.seg.SOPInstanceUID)}
        before = rendered(running, study.ct[3], **uid)
        changed = pydicom.dcmread(first)
        changed.PixelData = bytes(len(changed.PixelData))
        new = tmp_path / "new"
        new.write_bytes(as_bytes(changed))
        new.replace(first)
        until(
            lambda: rendered(running, study.ct[3], **uid).headers["etag"] != before.headers["etag"],
            what="the index to see the new segmentation",
        )
        after = rendered(running, study.ct[3], **uid)
        np.testing.assert_array_equal(pixels(after.content), pixels(
            rendered(running, study.ct[3]).content
        ))  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "status", "said"),
    [
        ("1.2.3.4", 404, "there is no layer 1.2.3.4 here"),
        ("seg", 400, "the layer is not a UID"),
        (",".join(f"1.{number}" for number in range(17)), 400, "more than 16"),
    ],
)
def test_layers_that_are_nowhere(server, study, layer, status, said):
    answer = rendered(server, study.ct[0], "image/png, application/problem+json", layer=layer)
    assert answer.status_code == status
    assert said in answer.text


def test_what_cannot_be_drawn_is_refused_and_what_does_not_fit_is_left_out(server, study):
    plan = rendered(server, study.ct[0], layer=str(study.plan.SOPInstanceUID))
    assert plan.status_code == 400
    assert "cannot be drawn" in plan.text
    other = series(np.full((1, 32, 40), 9), frame_of_reference=generate_uid())[0]
    (study.folder / "other.dcm").write_bytes(as_bytes(other))
    with served(study.folder, "--rescan", "0") as running:
        running.wait_for_index()
        answer = rendered(running, other, layer=str(study.seg.SOPInstanceUID))
    (study.folder / "other.dcm").unlink()
    assert answer.status_code == 200
    assert "another frame of reference" in answer.headers["warning"]
    assert str(study.seg.SOPInstanceUID) in answer.headers["warning"]
    assert (pixels(answer.content) == gray(other)[..., None]).all()


def test_a_plan_beside_a_dose_sets_what_per_cent_are_of(tmp_path):
    """The dose rises by 1 Gy a column: half of 39 Gy is in column 20, half of 20 Gy in 10."""
    base = series(np.full((1, 32, 40), 100))[0]
    dose = phantoms.dose(np.tile(np.arange(40) * 1000, (2, 32, 1)), offsets=(0, 5))
    plan, stray = (dataset("1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN") for _ in range(2))
    target = pydicom.Dataset()
    target.DoseReferenceType, target.TargetPrescriptionDose = "TARGET", 20
    plan.DoseReferenceSequence = [target]
    dose.ReferencedRTPlanSequence = [reference(plan)]
    for name, ds in (("ct", base), ("dose", dose), ("plan", plan), ("stray", stray)):
        (tmp_path / f"{name}.dcm").write_bytes(as_bytes(ds))
    lines = {"layer-style": "outline", "isodose": "50%"}
    with served(tmp_path, "--rescan", "0") as running:
        running.wait_for_index()
        for layers, column in (([dose], 20), ([dose, plan], 10)):
            uids = ",".join(str(each.SOPInstanceUID) for each in layers)
            answer = rendered(running, base, layer=uids, **lines)
            assert answer.status_code == 200, answer.text
            changed = (pixels(answer.content) != 100).any(axis=(0, 2))
            assert np.flatnonzero(changed)[0] == column
        uids = f"{dose.SOPInstanceUID},{stray.SOPInstanceUID}"
        answer = rendered(running, base, "image/png, application/problem+json", layer=uids)
    assert answer.status_code == 400
    assert "no layer is a dose" in answer.text


def test_a_presentation_state_is_no_layer_and_what_shows_it_is_told(study, tmp_path):
    state = dataset("1.2.840.10008.5.1.4.1.1.11.1", "PR")
    (tmp_path / "pr.dcm").write_bytes(as_bytes(state))
    (tmp_path / "ct.dcm").write_bytes(as_bytes(study.ct[0]))
    with served(tmp_path, "--rescan", "0") as running:
        running.wait_for_index()
        answer = rendered(running, study.ct[0], "application/problem+json, image/png",
                          layer=str(state.SOPInstanceUID))  # fmt: skip
    assert answer.status_code == 400
    assert "presentationUID" in answer.text


def test_a_presentation_state_of_several_images_is_a_loop_where_one_is_asked_for(study, tmp_path):
    state = dataset("1.2.840.10008.5.1.4.1.1.11.1", "PR")
    of_series, voi = pydicom.Dataset(), pydicom.Dataset()
    of_series.SeriesInstanceUID = study.ct[0].SeriesInstanceUID
    of_series.ReferencedImageSequence = [reference(each) for each in study.ct[1:4]]
    voi.WindowCenter, voi.WindowWidth = 128, 256
    state.ReferencedSeriesSequence, state.SoftcopyVOILUTSequence = [of_series], [voi]
    state.PresentationLUTShape = "INVERSE"
    for name, ds in {"pr": state, **{f"ct{n}": ds for n, ds in enumerate(study.ct)}}.items():
        (tmp_path / f"{name}.dcm").write_bytes(as_bytes(ds))
    with served(tmp_path, "--rescan", "0") as running:
        running.wait_for_index()
        loop = rendered(running, state, "image/apng")
        found = parts(rendered(running, state, PARTS))
        either = rendered(running, state, f"image/apng;q=0.5, {PARTS}")
    assert loop.headers["content-type"] == "image/apng"
    with Image.open(BytesIO(loop.content)) as opened:
        assert opened.n_frames == 3
        for number, (part, ds) in enumerate(zip(found, study.ct[1:4], strict=True)):
            opened.seek(number)
            shown = np.asarray(opened.convert("L")).astype(int)
            np.testing.assert_array_equal(shown, pixels(part.body)[..., 0])
            assert np.abs(shown - (255 - gray(ds).astype(int))).max() <= 1
    assert either.headers["content-type"].startswith("multipart/related")


# --- for an object --------------------------------------------------------------------------


def parts(answer):
    assert answer.status_code == 200, answer.text[:300]
    return read_multipart(answer.headers["content-type"], answer.content)


def test_a_segmentation_gives_the_images_it_has_something_on(server, study):
    found = parts(rendered(server, study.seg, PARTS, **FILL))
    assert len(found) == 3
    for index, part in zip((2, 3, 4), found, strict=True):
        np.testing.assert_allclose(pixels(part.body), expected(study, index), atol=2.01)
        assert dict(part.headers)["content-location"].endswith(where(study.ct[index]))
    loop = rendered(server, study.seg, "image/*", **FILL)
    assert loop.headers["content-type"] == "image/gif"
    assert Image.open(BytesIO(loop.content)).n_frames == 3
    one = rendered(server, study.seg, "image/png", below="/frames/1/rendered")
    assert one.status_code == 200


def test_a_segmentation_without_its_images_is_shown_on_black(study, tmp_path):
    (tmp_path / "seg.dcm").write_bytes((study.folder / "seg.dcm").read_bytes())
    (tmp_path / "rs.dcm").write_bytes((study.folder / "rs.dcm").read_bytes())
    with served(tmp_path, "--rescan", "0") as running:
        running.wait_for_index()
        found = parts(rendered(running, study.seg, PARTS, **FILL))
        loop = rendered(running, study.seg, "image/gif", **FILL)
        structures = rendered(running, study.structures, "image/png, application/problem+json")
    assert len(found) == 3
    for index, part in zip((2, 3, 4), found, strict=True):
        shares = [(c, study.masks[index, ..., n]) for n, c in enumerate((RED, BLUE))]
        np.testing.assert_allclose(
            pixels(part.body), blended(np.zeros((32, 40)), shares), atol=2.01
        )
    with Image.open(BytesIO(loop.content)) as opened:
        assert opened.n_frames == 3
    assert structures.status_code == 404
    assert "none of the images" in structures.text


def test_a_dose_gives_the_slice_of_its_maximum_as_the_command_does(tmp_path):
    values = np.tile(np.arange(80) * 500, (3, 60, 1))
    values[2, 5:9, 5:9] = 60000
    dose = phantoms.dose(values, offsets=(0, 5, 10))
    (tmp_path / "dose.dcm").write_bytes(as_bytes(dose))
    with served(tmp_path, "--rescan", "0") as running:
        running.wait_for_index()
        answer = rendered(running, dose)
        stored = rendered(running, dose, below="/frames/3/rendered")
        chosen = rendered(running, dose, PARTS, frames="2")
    assert answer.status_code == stored.status_code == chosen.status_code == 200
    assert main(["convert", str(tmp_path / "dose.dcm"), str(tmp_path / "dose.png")]) == 0
    assert answer.content == (tmp_path / "dose.png").read_bytes()
    assert tuple(pixels(answer.content)[6, 6]) == (255, 0, 0)
    plain = pixels(stored.content)
    assert (plain == plain[..., :1]).all()


def test_a_planar_view_is_the_picture_that_the_command_makes(study, tmp_path):
    state = dataset("1.2.840.10008.5.1.4.1.1.11.6", "PR")
    of_volume = pydicom.Dataset()
    of_volume.ReferencedImageSequence = [reference(each) for each in study.ct]
    state.VolumetricPresentationStateInputSequence = [of_volume]
    state.FrameOfReferenceUID = study.ct[0].FrameOfReferenceUID
    state.MPRTopLeftHandCorner, state.MPRThicknessType = [-20.5, 0.0, 10.0], "THIN"
    state.MPRViewWidthDirection, state.MPRViewHeightDirection = [1.0, 0, 0], [0, 0, -1.0]
    state.MPRViewWidth, state.MPRViewHeight = 40.0, 10.0
    (tmp_path / "view.dcm").write_bytes(as_bytes(state))
    on = tmp_path / "ct"
    on.mkdir()
    for number, ds in enumerate(study.ct):
        (on / f"{number}.dcm").write_bytes(as_bytes(ds))
    with served(tmp_path, "--rescan", "0") as running:
        running.wait_for_index()
        answer = rendered(running, state)
        tall = rendered(running, state, viewport="20,5")
    target = str(tmp_path / "view.png")
    assert main(["convert", str(tmp_path / "view.dcm"), target, "--on", str(on)]) == 0
    assert answer.status_code == 200, answer.text
    assert answer.content == (tmp_path / "view.png").read_bytes()
    assert pixels(answer.content).shape == (10, 40, 3)
    assert pixels(tall.content).shape == (5, 20, 3)


def test_a_structure_set_gives_its_image(server, study):
    answer = rendered(server, study.structures, "image/png", **FILL)
    assert answer.status_code == 200
    changed = (pixels(answer.content) != gray(study.ct[2])[..., None]).any(axis=-1)
    inside = np.zeros((32, 40), bool)
    inside[8:20, 10:25] = True
    np.testing.assert_array_equal(changed, inside)
    assert b"Vries" not in answer.content


def test_key_objects_give_their_images_in_their_order_and_html_stays(server, study):
    found = parts(rendered(server, study.keys, PARTS))
    for ds, part in zip((study.ct[4], study.ct[1]), found, strict=True):
        np.testing.assert_array_equal(pixels(part.body)[..., 0], gray(ds))
    page = rendered(server, study.keys, "text/html")
    assert page.headers["content-type"].startswith("text/html")
    for ds in (study.ct[4], study.ct[1]):
        address = re.search(f'<img src="([^"]*{ds.SOPInstanceUID}/thumbnail)"', page.text)[1]
        assert server.get(address.partition("/dicomweb")[2] or address).status_code == 200
    assert rendered(server, study.keys, "*/*").headers["content-type"].startswith("text/html")
    as_browsers = rendered(server, study.keys, "image/avif,image/webp,*/*;q=0.8")
    assert as_browsers.headers["content-type"].startswith("image/")


def test_a_blending_state_gives_its_images_blended(server, study):
    found = parts(rendered(server, study.blending, PARTS))
    assert len(found) == 2
    # PET pixel (3, 5) has its center between the CT's pixels 6.5 and 10.5: mean of four there.
    below = pixels(found[0].body)
    ct, pet = gray(study.ct[0]).astype(float), study.pet[0].pixel_array.astype(float)
    hot = np.clip((pet - 99.5) / 199 + 0.5, 0, 1) * 255
    weights = (0.75, 0.25)
    value = sum(
        hot[3 + i, 5 + j] * weights[i] * weights[j] for i in (0, 1) for j in (0, 1)
    )  # rows 6 to 8 and columns 10 to 12 of the CT: a quarter of the way to the next
    np.testing.assert_allclose(below[7, 11], 0.25 * value + 0.75 * ct[7, 11], atol=3)


# --- as a list ------------------------------------------------------------------------------


def listed(server, ds, below="/layers", **query):
    path = where(ds, below)
    if below == "/series":
        path = where(ds).rpartition("/instances")[0] + "/layers"
    return server.get(path, "application/json", params=query)


def test_the_layers_of_a_series_are_listed(server, study):
    found = {
        each["layer"]: each for each in listed(server, study.ct[0], "/series").json()["layers"]
    }
    seg = found[str(study.seg.SOPInstanceUID)]
    assert (seg["kind"], [each["number"] for each in seg["items"]]) == ("segmentation", [1, 2])
    assert [each["color"] for each in seg["items"]] == ["#FF0000", "#00A0FF"]
    assert [each["first"]["instance"] for each in seg["items"]] == [
        str(study.ct[index].SOPInstanceUID) for index in (2, 3)
    ]
    assert seg["first"] == seg["items"][0]["first"]
    assert seg["first"]["series"] == str(study.ct[0].SeriesInstanceUID)
    assert found[str(study.pet[0].SeriesInstanceUID)]["kind"] == "image"
    assert found[str(study.structures.SOPInstanceUID)]["items"][0]["color"] == "#00FF00"
    assert str(study.plan.SOPInstanceUID) not in found
    assert str(study.ct[0].SeriesInstanceUID) not in found


def test_names_are_told_on_request_only(server, study):
    answer = listed(server, study.structures)
    assert answer.json()["layers"][0]["first"]["instance"] == str(study.ct[2].SOPInstanceUID)
    assert "Vries" not in answer.text
    assert listed(server, study.structures, names="yes").json()["layers"][0]["items"][0][
        "name"
    ] == "Vries^Jan"  # fmt: skip
    assert listed(server, study.structures, names="maybe").status_code == 400
    # Asked again, out of the cache.
    assert listed(server, study.structures, names="yes").json() == listed(
        server, study.structures, names="yes"
    ).json()  # fmt: skip


def test_the_list_and_the_parameter_are_described(server):
    described = server.get(f"{server.url}/openapi.json").json()["paths"]
    series_layers = "/dicomweb/studies/{study}/series/{series}/layers"
    assert series_layers in described
    image = described[series_layers.replace("/layers", "/instances/{instance}/rendered")]
    names = {each["name"] for each in image["get"]["parameters"]}
    assert {"layer", "layer-opacity", "isodose", "suv"} <= names
    capabilities = server.request("OPTIONS", "", "application/json").text
    assert '"layer"' in capabilities


def test_no_more_images_are_opened_than_are_needed_to_find_all_items(tmp_path, monkeypatch):
    images = series(np.full((60, 16, 16), 90))
    masks = np.zeros((60, 16, 16, 2), np.uint8)
    masks[8:40, 2:9, 2:9, 0] = 1
    masks[11:40, 10:14, 3:14, 1] = 1
    seg = segmentation(images, masks, "BINARY", [RED, BLUE], count=2)
    places = []
    for number, ds in enumerate([*images, seg]):
        (tmp_path / f"{number:02}.dcm").write_bytes(as_bytes(ds))
        places.append(InstanceLocation(str(tmp_path / f"{number:02}.dcm")))
    opened = []
    real = layer_tasks.open_instance
    monkeypatch.setattr(
        layer_tasks, "open_instance", lambda source: opened.append(source) or real(source)
    )
    (listed,) = layer_tasks.list_layers([("1.2", places[-1:])], places[:-1])
    assert [each["first"] for each in listed["items"]] == [(8, 1), (11, 1)]
    assert len(opened) == 12
