"""The data elements that a picture needs, and their VRs (PS3.6).

Files with implicit VR do not state the VR. ``XS`` stands for "US or SS":
Pixel Representation decides (PS3.5 A.1).
"""

from __future__ import annotations

from rendicom.records import NamedTuple
from rendicom.values import PixelKeyword

UNDEFINED_LENGTH = 0xFFFFFFFF

PIXEL_KEYWORDS: dict[int, PixelKeyword] = {
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
    0x7FE00010: "PixelData",
}
PIXEL_VRS: dict[PixelKeyword, str] = {
    "FloatPixelData": "OF",
    "DoubleFloatPixelData": "OD",
    "PixelData": "OW",
}
"""VR of the pixel element if the file does not state it (PS3.5 A.1)."""


ROWS, COLUMNS = 0x00280010, 0x00280011
IDENTIFYING_UIDS = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
"""Bytes are taken to be DICOM if they have one of these, or Rows and Columns."""
PATIENT_TAGS = frozenset((0x00100010, 0x00100020, 0x00100030, 0x00100040))
"""Name, ID, birth date and sex: read only for pictures that show them."""


class PixelElement(NamedTuple):
    """The position of the pixel data.

    ``offset`` is of the value, in bytes from the start of the header's source. ``length`` is as
    stated and may exceed the file; ``None`` is undefined length, for fragments.
    """

    keyword: PixelKeyword
    vr: str
    offset: int
    length: int | None


def _overlays() -> dict[int, str]:
    """Return the elements of the 16 overlay groups (PS3.3 C.9.2)."""
    elements = {
        0x0010: "US",  # Overlay Rows
        0x0011: "US",  # Overlay Columns
        0x0015: "IS",  # Number of Frames in Overlay
        0x0040: "CS",  # Overlay Type
        0x0050: "SS",  # Overlay Origin
        0x0051: "US",  # Image Frame Origin
        0x0100: "US",  # Overlay Bits Allocated
        0x0102: "US",  # Overlay Bit Position
        0x1001: "CS",  # Overlay Activation Layer
        0x3000: "OW",  # Overlay Data
    }
    return {
        group << 16 | number: vr
        for group in range(0x6000, 0x6020, 2)
        for number, vr in elements.items()
    }


WANTED: dict[int, str] = {
    # Kind of object
    0x00080005: "CS",  # Specific Character Set
    0x00080008: "CS",  # Image Type
    0x00080016: "UI",  # SOP Class UID
    0x00080018: "UI",  # SOP Instance UID
    0x00080060: "CS",  # Modality
    0x0020000D: "UI",  # Study Instance UID
    0x0020000E: "UI",  # Series Instance UID
    0x00200011: "IS",  # Series Number
    0x00200013: "IS",  # Instance Number
    # Content other than images
    0x00081115: "SQ",  # Referenced Series Sequence
    0x0040A730: "SQ",  # Content Sequence
    0x30060020: "SQ",  # Structure Set ROI Sequence
    # Image Pixel (PS3.3 C.7.6.3)
    0x00280002: "US",  # Samples per Pixel
    0x00280004: "CS",  # Photometric Interpretation
    0x00280006: "US",  # Planar Configuration
    0x00280010: "US",  # Rows
    0x00280011: "US",  # Columns
    0x00280100: "US",  # Bits Allocated
    0x00280101: "US",  # Bits Stored
    0x00280102: "US",  # High Bit
    0x00280103: "US",  # Pixel Representation
    0x00280301: "CS",  # Burned In Annotation
    0x00282110: "CS",  # Lossy Image Compression
    0x7FE00001: "OV",  # Extended Offset Table
    0x7FE00002: "OV",  # Extended Offset Table Lengths
    # Pixel padding (C.7.5.1.1.2)
    0x00280120: "XS",  # Pixel Padding Value
    0x00280121: "XS",  # Pixel Padding Range Limit
    0x00280122: "FL",  # Float Pixel Padding Value
    0x00280123: "FD",  # Double Float Pixel Padding Value
    0x00280124: "FL",  # Float Pixel Padding Range Limit
    0x00280125: "FD",  # Double Float Pixel Padding Range Limit
    # Shape of a pixel
    0x00181164: "DS",  # Imager Pixel Spacing
    0x00182010: "DS",  # Nominal Scanned Pixel Spacing
    0x00280030: "DS",  # Pixel Spacing
    0x00280034: "IS",  # Pixel Aspect Ratio
    # Frames and time (C.7.6.5, C.7.6.6)
    0x00082144: "IS",  # Recommended Display Frame Rate
    0x00180040: "IS",  # Cine Rate
    0x00181063: "DS",  # Frame Time
    0x00181065: "DS",  # Frame Time Vector
    0x00280008: "IS",  # Number of Frames
    0x00280009: "AT",  # Frame Increment Pointer
    0x00281090: "CS",  # Recommended Viewing Mode
    0x00286100: "SQ",  # Mask Subtraction Sequence
    0x00286101: "CS",  # Mask Operation
    0x00286102: "US",  # Applicable Frame Range
    0x00286110: "US",  # Mask Frame Numbers
    0x00286112: "US",  # Contrast Frame Averaging
    0x00286114: "FL",  # Mask Sub-pixel Shift
    0x00286120: "SS",  # TID Offset
    0x00286010: "US",  # Representative Frame Number
    # Modality transform (C.11.1)
    0x00281052: "DS",  # Rescale Intercept
    0x00281053: "DS",  # Rescale Slope
    0x00281054: "LO",  # Rescale Type
    0x00283000: "SQ",  # Modality LUT Sequence
    0x00283002: "XS",  # LUT Descriptor
    0x00283003: "LO",  # LUT Explanation
    0x00283006: "OW",  # LUT Data
    0x00281040: "CS",  # Pixel Intensity Relationship
    0x30040002: "CS",  # Dose Units
    0x3004000E: "DS",  # Dose Grid Scaling
    # VOI transform (C.11.2)
    0x00281050: "DS",  # Window Center
    0x00281051: "DS",  # Window Width
    0x00281055: "LO",  # Window Center & Width Explanation
    0x00281056: "CS",  # VOI LUT Function
    0x00283010: "SQ",  # VOI LUT Sequence
    # Presentation (C.11.6, C.7.6.11)
    0x20500020: "CS",  # Presentation LUT Shape
    0x00181600: "CS",  # Shutter Shape
    0x00181602: "IS",  # Shutter Left Vertical Edge
    0x00181604: "IS",  # Shutter Right Vertical Edge
    0x00181606: "IS",  # Shutter Upper Horizontal Edge
    0x00181608: "IS",  # Shutter Lower Horizontal Edge
    0x00181610: "IS",  # Center of Circular Shutter
    0x00181612: "IS",  # Radius of Circular Shutter
    0x00181620: "IS",  # Vertices of the Polygonal Shutter
    0x00181622: "US",  # Shutter Presentation Value
    0x00181623: "US",  # Shutter Overlay Group
    0x00181624: "US",  # Shutter Presentation Color CIELab Value
    0x00189472: "SQ",  # Frame Display Shutter Sequence
    # Palettes (C.7.9)
    0x00089205: "CS",  # Pixel Presentation
    0x00281101: "XS",  # Red Palette Color Lookup Table Descriptor
    0x00281102: "XS",  # Green ...
    0x00281103: "XS",  # Blue ...
    0x00281199: "UI",  # Palette Color Lookup Table UID
    0x00281201: "OW",  # Red Palette Color Lookup Table Data
    0x00281202: "OW",  # Green ...
    0x00281203: "OW",  # Blue ...
    0x00281221: "OW",  # Segmented Red Palette Color Lookup Table Data
    0x00281222: "OW",  # Segmented Green ...
    0x00281223: "OW",  # Segmented Blue ...
    # Colour management (C.11.15) and optical paths (C.8.12.5)
    0x00282000: "OB",  # ICC Profile
    0x00400710: "SQ",  # Whole Slide Microscopy Image Frame Type Sequence
    0x00480006: "UL",  # Total Pixel Matrix Columns
    0x00480303: "UL",  # Total Pixel Matrix Focal Planes
    0x00480007: "UL",  # Total Pixel Matrix Rows
    0x00480010: "CS",  # Specimen Label in Image
    0x00480105: "SQ",  # Optical Path Sequence
    0x00480106: "SH",  # Optical Path Identifier
    0x00480207: "SQ",  # Optical Path Identification Sequence
    # Functional groups (C.7.6.16)
    0x52009229: "SQ",  # Shared Functional Groups Sequence
    0x52009230: "SQ",  # Per-frame Functional Groups Sequence
    0x00089007: "CS",  # Frame Type
    0x00180088: "DS",  # Spacing Between Slices
    0x00180050: "DS",  # Slice Thickness
    0x00189226: "SQ",  # MR Image Frame Type Sequence
    0x00189329: "SQ",  # CT Image Frame Type Sequence
    0x00189751: "SQ",  # PET Frame Type Sequence
    0x00289110: "SQ",  # Pixel Measures Sequence
    0x00289132: "SQ",  # Frame VOI LUT Sequence
    0x00289145: "SQ",  # Pixel Value Transformation Sequence
    0x00289443: "SQ",  # Frame Pixel Data Properties Sequence
    0x00281230: "SQ",  # Stored Value Color Range Sequence
    0x00281231: "FD",  # Minimum Stored Value Mapped
    0x00281232: "FD",  # Maximum Stored Value Mapped
    # Regions of ultrasound images (C.8.5.5)
    0x00186011: "SQ",  # Sequence of Ultrasound Regions
    0x00186018: "UL",  # Region Location Min X0
    0x0018601A: "UL",  # Region Location Min Y0
    0x0018601C: "UL",  # Region Location Max X1
    0x0018601E: "UL",  # Region Location Max Y1
    0x00186024: "US",  # Physical Units X Direction
    0x00186026: "US",  # Physical Units Y Direction
    0x0018602C: "FD",  # Physical Delta X
    0x0018602E: "FD",  # Physical Delta Y
    # Real world values (C.7.6.16.2.11)
    0x00409096: "SQ",  # Real World Value Mapping Sequence
    0x004008EA: "SQ",  # Measurement Units Code Sequence
    0x00080100: "SH",  # Code Value
    0x00409224: "FD",  # Real World Value Intercept
    0x00409225: "FD",  # Real World Value Slope
    # Segmentation (C.8.20)
    0x00620001: "CS",  # Segmentation Type
    0x00620002: "SQ",  # Segment Sequence
    0x00620004: "US",  # Segment Number
    0x00620005: "LO",  # Segment Label
    0x0062000A: "SQ",  # Segment Identification Sequence
    0x0062000B: "US",  # Referenced Segment Number
    0x0062000D: "US",  # Recommended Display CIELab Value
    0x0062000E: "US",  # Maximum Fractional Value
    # Acquisition, for annotations
    0x00080020: "DA",  # Study Date
    0x00180024: "SH",  # Sequence Name
    0x00180031: "LO",  # Radiopharmaceutical
    0x00180060: "DS",  # KVP
    0x00180080: "DS",  # Repetition Time
    0x00180081: "DS",  # Echo Time
    0x00180082: "DS",  # Inversion Time
    0x00180087: "DS",  # Magnetic Field Strength
    0x00181151: "IS",  # X-Ray Tube Current
    0x00181152: "IS",  # Exposure
    0x00181153: "IS",  # Exposure in uAs
    0x00181191: "CS",  # Anode Target Material
    0x001811A0: "DS",  # Body Part Thickness
    0x001811A2: "DS",  # Compression Force
    0x00181210: "SH",  # Convolution Kernel
    0x00181314: "DS",  # Flip Angle
    0x00185010: "LO",  # Transducer Data
    0x00185022: "DS",  # Mechanical Index
    0x00185050: "IS",  # Depth of Scan Field
    0x00185100: "CS",  # Patient Position
    0x00185101: "CS",  # View Position
    0x00187050: "CS",  # Filter Material
    0x00189005: "SH",  # Pulse Sequence Name
    0x00189079: "FD",  # Inversion Times
    0x00189082: "FD",  # Effective Echo Time
    0x00189112: "SQ",  # MR Timing and Related Parameters Sequence
    0x00189114: "SQ",  # MR Echo Sequence
    0x00189115: "SQ",  # MR Modifier Sequence
    0x00189314: "SQ",  # CT Reconstruction Sequence
    0x00189321: "SQ",  # CT Exposure Sequence
    0x00189325: "SQ",  # CT X-Ray Details Sequence
    0x00189330: "FD",  # X-Ray Tube Current in mA
    0x00189332: "FD",  # Exposure in mAs
    0x00200060: "CS",  # Laterality
    0x00200062: "CS",  # Image Laterality
    0x00209071: "SQ",  # Frame Anatomy Sequence
    0x00209072: "CS",  # Frame Laterality
    0x00540016: "SQ",  # Radiopharmaceutical Information Sequence
    0x00541001: "CS",  # Units
    # Where frames lie in the patient (C.7.6.2, C.7.6.16)
    0x00200032: "DS",  # Image Position (Patient)
    0x00200037: "DS",  # Image Orientation (Patient)
    0x00200052: "UI",  # Frame of Reference UID
    0x00209113: "SQ",  # Plane Position Sequence
    0x00209116: "SQ",  # Plane Orientation Sequence
    0x3004000C: "DS",  # Grid Frame Offset Vector
    0x00540022: "SQ",  # Detector Information Sequence
    0x00540080: "US",  # Slice Vector
    # Where tiles lie on a slide (C.8.12.2, C.8.12.6)
    0x0040072A: "DS",  # X Offset in Slide Coordinate System
    0x0040074A: "DS",  # Z Offset in Slide Coordinate System
    0x0040073A: "DS",  # Y Offset in Slide Coordinate System
    0x00480008: "SQ",  # Total Pixel Matrix Origin Sequence
    0x00480102: "DS",  # Image Orientation (Slide)
    0x0048021A: "SQ",  # Plane Position (Slide) Sequence
    0x0048021E: "SL",  # Column Position In Total Image Pixel Matrix
    0x0048021F: "SL",  # Row Position In Total Image Pixel Matrix
    0x00480301: "CS",  # Pixel Origin Interpretation
    # Annotations of slides (C.37)
    0x0040A180: "US",  # Annotation Group Number
    0x00660016: "OF",  # Point Coordinates Data
    0x00660022: "OD",  # Double Point Coordinates Data
    0x00660040: "OL",  # Long Primitive Point Index List
    0x006A0001: "CS",  # Annotation Coordinate Type
    0x006A0002: "SQ",  # Annotation Group Sequence
    0x006A0005: "LO",  # Annotation Group Label
    0x006A0010: "FD",  # Common Z Coordinate Value
    # References
    0x00081140: "SQ",  # Referenced Image Sequence
    0x0008114A: "SQ",  # Referenced Instance Sequence
    0x00081150: "UI",  # Referenced SOP Class UID
    0x00081155: "UI",  # Referenced SOP Instance UID
    0x00081160: "IS",  # Referenced Frame Number
    0x00081199: "SQ",  # Referenced SOP Sequence
    0x00082112: "SQ",  # Source Image Sequence
    0x00089124: "SQ",  # Derivation Image Sequence
    # Structure sets (C.8.8.5, C.8.8.6)
    0x30060010: "SQ",  # Referenced Frame of Reference Sequence
    0x30060012: "SQ",  # RT Referenced Study Sequence
    0x30060014: "SQ",  # RT Referenced Series Sequence
    0x30060016: "SQ",  # Contour Image Sequence
    0x30060022: "IS",  # ROI Number
    0x30060024: "UI",  # Referenced Frame of Reference UID
    0x30060026: "LO",  # ROI Name
    0x3006002A: "IS",  # ROI Display Color
    0x30060039: "SQ",  # ROI Contour Sequence
    0x30060040: "SQ",  # Contour Sequence
    0x30060042: "CS",  # Contour Geometric Type
    0x30060050: "DS",  # Contour Data
    0x30060084: "IS",  # Referenced ROI Number
    # Prescriptions of plans (C.8.8.10)
    0x300A0010: "SQ",  # Dose Reference Sequence
    0x300A0020: "CS",  # Dose Reference Type
    0x300A0026: "DS",  # Target Prescription Dose
    0x300C0002: "SQ",  # Referenced RT Plan Sequence
    # Structured reports (C.17.3, C.18)
    0x00080104: "LO",  # Code Meaning
    0x0040A040: "CS",  # Value Type
    0x0040A043: "SQ",  # Concept Name Code Sequence
    0x0040A160: "UT",  # Text Value
    0x0040DB73: "UL",  # Referenced Content Item Identifier
    0x00700022: "FL",  # Graphic Data
    0x00700023: "CS",  # Graphic Type
    # Standardized uptake (C.8.9.1, C.8.9.2)
    0x00080021: "DA",  # Series Date
    0x00080022: "DA",  # Acquisition Date
    0x00080031: "TM",  # Series Time
    0x00080032: "TM",  # Acquisition Time
    0x00101030: "DS",  # Patient's Weight
    0x00181072: "TM",  # Radiopharmaceutical Start Time
    0x00181074: "DS",  # Radionuclide Total Dose
    0x00181075: "DS",  # Radionuclide Half Life
    0x00181078: "DT",  # Radiopharmaceutical Start DateTime
    0x00280051: "CS",  # Corrected Image
    0x00541102: "CS",  # Decay Correction
    0x00541300: "DS",  # Frame Reference Time
    0x70530010: "LO",  # Private Creator: Philips PET Private Group
    0x70531000: "DS",  # SUV Factor
    0x70531009: "DS",  # Activity Concentration Factor
    **_overlays(),
}
