"""An oblique, anisotropic study with objects on other grids, shown by the command and a server."""

from __future__ import annotations

from io import BytesIO

import highdicom as hd
import numpy as np
import pydicom
from PIL import Image
from pydicom.uid import generate_uid

from brokenparts import part as item
from brokenparts import reference
from patientspace import affine, at, indices, oblique, xyz
from phantoms import (
    FRAME_OF_REFERENCE,
    PET,
    as_bytes,
    database_closed,
    dataset,
    dose,
    key_objects,
    segmentation,
    series,
    structure_set,
)
from rendicom.cli.main import main
from rendicom.dicomweb.multipart import read_multipart
from storedparts import store

__all__ = ["CT", "DOSE", "PT", "Doors", "Study", "item", "outline", "palette", "reference"]

PARTS = 'multipart/related; type="image/png"'
CLASS = "1.2.840.10008.5.1.4.1.1."


class Grid:
    """Slices with a place in the patient."""

    def __init__(self, shape, orientation, position, spacing, step):
        self.shape, self.size = shape, shape[1:]
        self.place = {
            "orientation": orientation, "position": position, "spacing": spacing, "step": step,
        }  # fmt: skip
        self.affine = affine(orientation, position, spacing, step)

    def inside(self, index, grid):
        """Return slice, row, column in ``grid`` of the pixels of slice ``index``."""
        return indices(self.affine, self.size, index, grid.affine)

    def xyz(self, points, index):
        return xyz(self.affine, points, index)


# The first slice of the CT is its uppermost one, in the PET it is the lowest.
CT = Grid((8, 44, 56), oblique(25, -15, 40), (11.0, -4.0, 25.0), (1.3, 0.7), -2.5)
PT = Grid((7, 22, 16), oblique(25, -15, 40), (0, 0, 0), (2.9, 3.1), 3.0)
PT.affine[:3, 3] = (CT.affine @ (7.4, -0.5, -0.8, 1))[:3]
DOSE = Grid((9, 14, 13), oblique(-50, 20, 5), (0, 0, 0), (5.0, 4.0), 4.0)
DOSE.affine[:3, 3] = (CT.affine @ (3.5, 22, 28, 1))[:3] - DOSE.affine[:3, :3] @ (4, 6.5, 6)


class Study:
    """A CT, a PET and a dose of random values; objects about them are made by its methods."""

    def __init__(self, seed=7):
        rng = np.random.default_rng(seed)
        self.rng = rng
        self.ct_values = rng.integers(-160, 240, CT.shape)
        self.pt_values = rng.integers(0, 900, PT.shape)
        self.dose_values = rng.integers(4000, 60000, DOSE.shape)
        self.dose_values[4, 6, 6] = 63210
        self.ct = series(self.ct_values, **CT.place)
        self.pt = series(self.pt_values, **PT.place | {"position": PT.affine[:3, 3]}, sop_class=PET)
        for ds in self.ct:
            ds.WindowCenter, ds.WindowWidth = 40, 400
        for ds in self.pt:
            self._injected(ds)
        self.dose = self._dose()

    @staticmethod
    def _injected(ds):
        ds.RescaleSlope, ds.WindowCenter, ds.WindowWidth = 12.5, 5000, 10000
        ds.Units, ds.CorrectedImage, ds.DecayCorrection = "BQML", ["DECY", "ATTN"], "START"
        ds.PatientWeight = "83.5"
        ds.RadiopharmaceuticalInformationSequence = [
            item(RadionuclideTotalDose="2.7e8", RadionuclideHalfLife="6586.2",
                 RadiopharmaceuticalStartTime="091500")
        ]  # fmt: skip

    suv_factor = 83500 / (2.7e8 * 2 ** (-3600 / 6586.2))

    def _dose(self):
        place = DOSE.place | {"position": DOSE.affine[:3, 3]}
        offsets = 4.0 * np.arange(DOSE.shape[0])
        ds = dose(self.dose_values, offsets=offsets, scaling=1e-3, **place)
        del ds.WindowCenter, ds.WindowWidth
        return ds

    def gray(self, index):
        """Return the CT as its window shows it (PS3.3 C.11.2.1.2)."""
        return np.clip((self.ct_values[index] - 39.5) / 399 + 0.5, 0, 1) * 255

    def dose_at(self, index):
        """Return Gy at the pixels of a slice of the CT; NaN beside the grid."""
        return at(self.dose_values * 1e-3, CT.inside(index, DOSE))

    def pt_at(self, index):
        """Return Bq/ml at the pixels of a slice of the CT; NaN beside the grid."""
        return at(self.pt_values * 12.5, CT.inside(index, PT))

    def segmentation(self, masks, kind="BINARY", colours=None, **more):
        return segmentation(self.ct, masks, kind, colours, count=more.pop("count"), **more)

    def structures(self, *rois, refers=True):
        """Return a structure set; a ROI is (number, name, color, ((type, points, slice), ...))."""
        return structure_set(*(
            (number, name, colour, [
                (kind, CT.xyz(points, index), self.ct[index] if refers else None)
                for kind, points, index in contours
            ])
            for number, name, colour, contours in rois
        ))  # fmt: skip

    def report(self, *marks):
        """Return a report; a mark is (type, numbers, image or None for patient space)."""
        ds = dataset(f"{CLASS}88.34", "SR")
        ds.ValueType, ds.ContentSequence = "CONTAINER", []
        for kind, numbers, image in marks:
            made = item(ValueType="SCOORD3D" if image is None else "SCOORD", GraphicType=kind,
                        GraphicData=[float(x) for x in np.ravel(numbers)])  # fmt: skip
            if image is None:
                made.ReferencedFrameOfReferenceUID = FRAME_OF_REFERENCE
            else:
                below = item(RelationshipType="SELECTED FROM", ValueType="IMAGE",
                             ReferencedSOPSequence=[reference(image)])  # fmt: skip
                made.ContentSequence = [below]
            ds.ContentSequence.append(made)
        return ds

    def keys(self, *images):
        return key_objects(list(images))

    def parametric(self, values, palette=None, **more):
        """Return a parametric map on the slices of the CT, by highdicom."""
        made = hd.pm.ParametricMap(
            source_images=self.ct, pixel_array=values,
            series_instance_uid=generate_uid(), series_number=8,
            sop_instance_uid=generate_uid(), instance_number=1, manufacturer="made",
            manufacturer_model_name="made", software_versions="1", device_serial_number="1",
            contains_recognizable_visual_features=False,
            palette_color_lut_transformation=palette, **more,
        )  # fmt: skip
        return database_closed(made)


class Doors:
    """The command and a server with the same files; each picture comes through both."""

    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        self._paths, self._number = {}, 0

    def add(self, images, name):
        """Write and store a series of images."""
        (self.folder / name).mkdir(parents=True)
        for number, ds in enumerate(images):
            path = self._paths[str(ds.SOPInstanceUID)] = self.folder / name / f"{name}{number}.dcm"
            path.write_bytes(as_bytes(ds))
        assert store(self.server, *map(as_bytes, images)).status_code == 200

    def path(self, ds):
        """Return the file of an object, which is written and stored if it is new."""
        uid = str(ds.SOPInstanceUID)
        if uid not in self._paths:
            self._number += 1
            self._paths[uid] = self.folder / f"object{self._number:02}.dcm"
            self._paths[uid].write_bytes(as_bytes(ds))
            answer = store(self.server, as_bytes(ds))
            assert answer.status_code == 200, answer.text
        return self._paths[uid]

    def drawn(self, image, *layers, frame=None, **options):
        """Return the picture of an image under layers, RGB as float, and the server's warnings.

        A layer is a data set, or the first one of a series. The pictures of both doors are equal.
        """
        target = self._target() / "one.png"
        command = ["convert", self.path(image), target]
        query, uids = {}, []
        for ds in layers:
            path = self.path(ds)
            is_series = path.parent != self.folder
            command += ["--layer", path.parent if is_series else path]
            uids.append(str(ds.SeriesInstanceUID if is_series else ds.SOPInstanceUID))
        if layers:
            query["layer"] = ",".join(uids)
        command += ["--frames", frame] if frame else []
        run([*command, *_flags(options)])
        below = f"/frames/{frame}/rendered" if frame else "/rendered"
        answer = self.server.get(where(image, below), "image/png", params=query | _query(options))
        assert answer.status_code == 200, answer.text
        one = rgb(target.read_bytes())
        np.testing.assert_array_equal(one, rgb(answer.content))
        return one, answer.headers.get("warning", "")

    def shown(self, ds, *places, by_place=False, **options):
        """Return the pictures of an object's images by name, the same through both doors.

        The server has images of other tests too, which an object without references lies on.
        """
        target = self._target()
        command = ["convert", self.path(ds), f"{target}/", "--format", "png", "--engine", "inline"]
        for place in places:
            command += ["--on", self.folder / place]
        run([*command, *_flags(options)])
        found = {path.stem: rgb(path.read_bytes()) for path in sorted(target.glob("*.png"))}
        answer = self.server.get(where(ds, "/rendered"), PARTS, params=_query(options))
        assert answer.status_code == 200, answer.text
        parts = read_multipart(answer.headers["content-type"], answer.content)
        others = [rgb(bytes(part.body)) for part in parts]
        assert len(others) == len(found) or by_place
        for name, one in found.items():
            assert any(np.array_equal(one, other) for other in others), name
        return found

    def _target(self):
        self._number += 1
        folder = self.folder.parent / f"out{self._number}"
        folder.mkdir()
        return folder


def palette(name):
    """Return the colors of a well-known palette, (256, 3), as pydicom ships it."""
    ds = pydicom.dcmread(f"{pydicom.__path__[0]}/data/palettes/{name}.dcm")
    channels = [ds[f"{each}PaletteColorLookupTableData"].value for each in ("Red", "Green", "Blue")]
    return np.stack([np.frombuffer(c, np.uint8 if len(c) == 256 else "<u2") for c in channels], -1)


def outline(mask):
    """Return the pixels of a mask that have a neighbor outside of it, or of the picture."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def run(command):
    assert main([str(word) for word in command]) == 0


def _flags(options):
    for name, value in options.items():
        yield f"--{name.replace('_', '-')}"
        if value is not True:
            yield value


def _query(options):
    return {
        name.replace("_", "-"): "yes" if value is True else str(value)
        for name, value in options.items()
    }


def where(ds, below=""):
    return (
        f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
        f"/instances/{ds.SOPInstanceUID}{below}"
    )


def rgb(data):
    return np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(float)
