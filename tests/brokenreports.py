"""Reports, key objects, presentation states and annotations that are broken in one way each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom
from pydicom.uid import generate_uid

from brokenparts import CLASSES, INF, NAN, implicit, nothing, part, put_raw, reference
from phantoms import FRAME_OF_REFERENCE, dataset

SLICES = 6

# --- reports --------------------------------------------------------------------------------


def _report(*content: Any, kind: str = "88.33") -> Any:
    ds = dataset(f"{CLASSES}.{kind}", "SR")
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = [
        part(CodeValue="126000", CodingSchemeDesignator="DCM", CodeMeaning="Report")
    ]
    ds.ContentSequence = list(content)
    return ds


def _mark(image: Any, data: Any, kind: str = "POLYLINE", *, vr: str = "FL", of: Any = None) -> Any:
    item = part(ValueType="SCOORD", RelationshipType="CONTAINS", GraphicType=kind)
    if isinstance(data, bytes) and vr == "FL":
        put_raw(item, 0x00700022, vr, data)
    else:
        item.add(pydicom.DataElement(0x00700022, vr, data))
    item.ContentSequence = [
        part(ValueType="IMAGE", RelationshipType="SELECTED FROM",
              ReferencedSOPSequence=[reference(image) if of is None else of])
    ]  # fmt: skip
    return item


def _in_space(data: Any, kind: str, frame: str = FRAME_OF_REFERENCE) -> Any:
    return part(
        ValueType="SCOORD3D", RelationshipType="CONTAINS", GraphicType=kind, GraphicData=data,
        ReferencedFrameOfReferenceUID=frame,
    )  # fmt: skip


def reports(ct: list[Any]) -> dict[str, Any]:
    image = ct[2]
    line = [4.0, 4.0, 20.0, 20.0]
    deep = _mark(image, line)
    for _ in range(150):
        deep = part(ValueType="CONTAINER", RelationshipType="CONTAINS", ContentSequence=[deep])
    by_path = _mark(image, line)
    by_path.ContentSequence = [
        part(RelationshipType="SELECTED FROM", ReferencedContentItemIdentifier=[1, 1])
    ]
    itself = _report()
    itself.ContentSequence = [_mark(image, line, of=reference(itself))]
    one, other = _report(), _report()
    one.ContentSequence = [_mark(image, line, of=reference(other))]
    other.ContentSequence = [_mark(image, line, of=reference(one))]
    rng = np.random.default_rng(2)
    million = rng.uniform(0, 30, 2_000_000).astype("<f4").tobytes()
    return {
        "report-as-text": _report(_mark(image, ["4", "4", "x", "20"], vr="LO")),
        "report-as-bytes": _report(_mark(image, b"\x00\x01\x02", vr="OB")),
        "report-as-double": _report(_mark(image, line, vr="FD")),
        "report-as-long": _report(_mark(image, [4, 4, 20, 20], vr="UL")),
        "report-nan": _report(_mark(image, [NAN, 4.0, 20.0, INF])),
        "report-outside": _report(_mark(image, [-9e5, -9e5, 9e5, 9e5])),
        "report-far-circle": _report(_mark(image, [-9e5, 0.0, 9e5, 9e5], "CIRCLE")),
        "report-far-ellipse": _report(
            _mark(image, [-9e5, 0.0, 9e5, 0.0, 0.0, -5e5, 0.0, 5e5], "ELLIPSE")
        ),
        "report-point-ellipse": _report(_mark(image, [5.0] * 8, "ELLIPSE")),
        "report-odd": _report(_mark(image, line[:-1])),
        "report-one-point": _report(_mark(image, line[:2])),
        "report-empty": _report(_mark(image, [])),
        "report-kind": _report(_mark(image, line, "VRIES^JAN")),
        "report-million-points": implicit(_report(_mark(image, million))),
        "report-many-marks": _report(*[_mark(image, line)] * 6000),
        "report-deep": _report(deep),
        "report-by-path": _report(by_path),
        "report-of-itself": itself,
        "report-circle-1": one,
        "report-circle-2": other,
        "report-of-nothing": _report(_mark(image, line, of=nothing())),
        "report-nothing": _report(),
        "report-elsewhere": _report(_in_space([1.0, 2.0, 4.0], "POINT", generate_uid())),
        "report-flat-ellipsoid": _report(_in_space([1.0, 2.0, 4.0] * 6, "ELLIPSOID")),
        "report-space-nan": _report(_in_space([NAN, 2.0, 4.0], "POINT")),
        "report-frames": _report(
            _mark(image, line, of=reference(image, ReferencedFrameNumber=[0, -4, 99]))
        ),
    }


def key_objects(ct: list[Any]) -> dict[str, Any]:
    def keys(*targets: Any, nested: int = 0) -> Any:
        items = [
            part(ValueType="IMAGE", RelationshipType="CONTAINS", ReferencedSOPSequence=[each])
            for each in targets
        ]
        for _ in range(nested):
            items = [part(ValueType="CONTAINER", ContentSequence=items)]
        return _report(*items, kind="88.59")

    itself, one, other = keys(), keys(), keys()
    for ds, target in ((itself, itself), (one, other), (other, one)):
        ds.ContentSequence = keys(reference(target)).ContentSequence
        ds.Modality = "KO"
    many = [reference(ct[number % SLICES]) for number in range(3000)]
    return {
        "keys-of-themselves": itself,
        "keys-circle-1": one,
        "keys-circle-2": other,
        "keys-of-nothing": keys(nothing()),
        "keys-none": keys(),
        "keys-deep": keys(reference(ct[0]), nested=150),
        "keys-many": keys(*many),
        "keys-frames": keys(reference(ct[0], ReferencedFrameNumber=[7])),
    }


# --- presentation states --------------------------------------------------------------------


def state(*references: Any, kind: str = "11.1", **values: Any) -> Any:
    """Return a presentation state for images."""
    ds = dataset(f"{CLASSES}.{kind}", "PR")
    ds.ReferencedSeriesSequence = [
        part(SeriesInstanceUID=generate_uid(), ReferencedImageSequence=list(references))
    ]
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def _blended(below: list[Any], above: list[Any], **values: Any) -> Any:
    ds = dataset(f"{CLASSES}.11.4", "PR")
    ds.BlendingSequence = [
        part(
            BlendingPosition=position, StudyInstanceUID=ds.StudyInstanceUID,
            ReferencedSeriesSequence=[
                part(SeriesInstanceUID=generate_uid(), ReferencedImageSequence=references)
            ],
        )
        for position, references in (("UNDERLYING", below), ("SUPERIMPOSED", above))
    ]  # fmt: skip
    ds.RelativeOpacity = 0.5
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def states(ct: list[Any]) -> dict[str, Any]:
    image = reference(ct[2])
    itself, one, other, blend = state(), state(), state(), _blended([image], [image])
    for ds, target in ((itself, itself), (one, other), (other, one)):
        ds.ReferencedSeriesSequence[0].ReferencedImageSequence = [reference(target)]
    for each in blend.BlendingSequence:
        each.ReferencedSeriesSequence[0].ReferencedImageSequence = [reference(blend)]
    lone = _blended([image], [image])
    lone.BlendingSequence = lone.BlendingSequence[:1]
    strange = _blended([image], [image])
    strange.BlendingSequence[0].BlendingPosition = "VRIES^JAN"
    advanced = state(kind="11.8")
    advanced.AdvancedBlendingSequence = [
        part(
            BlendingInputNumber=1,
            ReferencedSeriesSequence=[
                part(SeriesInstanceUID=generate_uid(),
                      ReferencedImageSequence=[reference(advanced)])
            ],
        )
    ]  # fmt: skip
    advanced.BlendingDisplaySequence = [
        part(BlendingMode="FOREGROUND", RelativeOpacity=0.5,
              BlendingDisplayInputSequence=[part(BlendingInputNumber=1),
                                            part(BlendingInputNumber=1)])
    ]  # fmt: skip
    graphic = part(
        GraphicLayer="L",
        GraphicObjectSequence=[
            part(GraphicAnnotationUnits="PIXEL", GraphicDimensions=2, NumberOfGraphicPoints=2,
                  GraphicData=[NAN, 1.0, 5.0, 5.0], GraphicType="POLYLINE", GraphicFilled="N")
        ],
    )  # fmt: skip
    area = part(
        DisplayedAreaTopLeftHandCorner=[2_000_000_000, 1],
        DisplayedAreaBottomRightHandCorner=[-2_000_000_000, 1], PresentationSizeMode="MAGNIFY",
        PresentationPixelMagnificationRatio=1e30,
    )  # fmt: skip
    view = {
        "VolumetricPresentationStateInputSequence": [
            part(ReferencedImageSequence=[reference(each) for each in ct])
        ],
        "FrameOfReferenceUID": ct[0].FrameOfReferenceUID, "MPRThicknessType": "THIN",
        "MPRTopLeftHandCorner": [-20.5, 0.0, 10.0], "MPRViewWidthDirection": [1.0, 0, 0],
        "MPRViewHeightDirection": [0, 0, -1.0], "MPRViewWidth": 40.0, "MPRViewHeight": 10.0,
    }  # fmt: skip
    return {
        "state-of-itself": itself,
        "state-circle-1": one,
        "state-circle-2": other,
        "state-of-nothing": state(nothing()),
        "state-of-no-image": state(),
        "state-frames": state(reference(ct[2], ReferencedFrameNumber=[99])),
        "state-window": state(
            image, SoftcopyVOILUTSequence=[part(WindowCenter="nan", WindowWidth="0")]
        ),
        "state-graphic": state(image, GraphicAnnotationSequence=[graphic]),
        "state-area": state(image, DisplayedAreaSelectionSequence=[area]),
        "state-no-palette": state(image, kind="11.3"),
        "state-shutter": state(
            image, ShutterShape="POLYGONAL", VerticesOfThePolygonalShutter=["1", "2", "3"]
        ),
        "blending-of-itself": blend,
        "blending-lone": lone,
        "blending-strange": strange,
        "blending-of-nothing": _blended([image], [nothing()]),
        "blending-nan": _blended([image], [reference(ct[3])], RelativeOpacity=NAN),
        "blending-advanced-of-itself": advanced,
        "blending-advanced-circle": _circle_of_steps(image),
        "view-of-zero": state(kind="11.6", **{**view, "MPRViewWidth": 0.0}),
        "view-huge": state(
            kind="11.6", **{**view, "MPRViewWidth": 9e4, "MPRViewHeight": 9e4}
        ),
        "view-singular": state(kind="11.6", **{**view, "MPRViewHeightDirection": [1.0, 0, 0]}),
        "view-nan": state(kind="11.6", **{**view, "MPRTopLeftHandCorner": [NAN, 0.0, 0.0]}),
        "view-of-nothing": state(
            kind="11.6",
            **{**view, "VolumetricPresentationStateInputSequence": [
                part(ReferencedImageSequence=[nothing()])
            ]},
        ),
    }  # fmt: skip


def _circle_of_steps(image: Any) -> Any:
    """Return a state with two steps that each blend the result of the other, ten times."""
    ds = state(kind="11.8")
    of_series = part(SeriesInstanceUID=generate_uid(), ReferencedImageSequence=[image])
    ds.AdvancedBlendingSequence = [
        part(BlendingInputNumber=1, ReferencedSeriesSequence=[of_series])
    ]
    steps = {2: 3, 3: 2, None: 2}
    ds.BlendingDisplaySequence = [
        part(
            BlendingMode="EQUAL",
            BlendingDisplayInputSequence=[part(BlendingInputNumber=other)] * 10,
            **({} if number is None else {"BlendingInputNumber": number}),
        )
        for number, other in steps.items()
    ]
    return ds


# --- annotations, images --------------------------------------------------------------------


def annotations(ct: list[Any]) -> dict[str, Any]:
    def made(points: Any, starts: Any = (), kind: str = "POLYGON", **values: Any) -> Any:
        ds = dataset(f"{CLASSES}.91.1", "ANN")
        ds.AnnotationCoordinateType, ds.PixelOriginInterpretation = "2D", "VOLUME"
        ds.ReferencedImageSequence = [reference(ct[2])]
        group = part(
            AnnotationGroupNumber=1, AnnotationGroupLabel="Vries^Jan", GraphicType=kind,
            NumberOfAnnotations=1,
            PointCoordinatesData=np.asarray(points, "<f4").tobytes(),
        )  # fmt: skip
        if len(starts):
            group.LongPrimitivePointIndexList = np.asarray(starts, "<u4").tobytes()
        ds.AnnotationGroupSequence = [group]
        for keyword, value in values.items():
            setattr(ds, keyword, value)
        return ds

    square = [4, 4, 20, 4, 20, 20, 4, 20]
    return {
        "annotations-nan": made([NAN, 4, 20, 4, 20, 20], [1]),
        "annotations-odd": made(square[:-1], [1]),
        "annotations-starts": made(square, [1, 4_000_000_000]),
        "annotations-backwards": made(square, [7, 1]),
        "annotations-no-starts": made(square),
        "annotations-short": made(square[:4], kind="ELLIPSE"),
        "annotations-kind": made(square, [1], kind="VRIES^JAN"),
        "annotations-of-nothing": made(square, [1], ReferencedImageSequence=[nothing()]),
        "annotations-space": made(square, [1], AnnotationCoordinateType="3D"),
    }
