"""The manifest: the outcome of every input of a run.

One record for each picture, or for each source that gave none, in a file beside the output:
``.jsonl`` (JSON Lines), ``.csv`` or ``.parquet``, all with the same columns. Columns keep their
names and meaning and are never removed; new ones come at the end. None holds a patient's
attribute.

==================== ===============================================================================
``source``           Path, URI, or ``ARCHIVE!/NAME`` of the input
``output``           Path or URI of the picture, or empty
``status``           ``ok``; ``skipped``: the picture was there already; ``failed``;
                     ``no-pixels``: the input is not an image;
                     ``ignored``: it is not a DICOM instance;
                     ``filtered``: the filters exclude it
``code``             Why, in a word that stays: that of the error, or ``filtered``
``message``          Why, in a sentence
``hint``             What to do about it
``frame``            Number of the frame, from 1; nothing for a loop or a whole source
``width, height``    Of the picture, in pixels
``media_type``       Of the picture
``bytes``            Size of the picture
``voi``              The window or other VOI transform used
``warnings``         Flaws of the source that were repaired: a list, in CSV with `` | `` between
``digest``           BLAKE2b-256 of the picture's bytes, in hexadecimal digits (``b2sum -l 256``)
``options``          `rendicom.RenderOptions.canonical`
``format``           Name of the picture's format
``study_instance_uid, series_instance_uid, sop_instance_uid, modality``
                     As in the file, or pseudonyms of the UIDs
``pictures``         How many pictures the source gives in all
``source_size``      In bytes
``source_version``   Changes when the source does
``recipe``           Short key of all else that decides names and bytes of pictures
``time``             When the record was made: UTC, ISO 8601, whole seconds
``warning_codes``    The code of each of the warnings, in their order: a list like them
==================== ===============================================================================

Missing text is empty, a missing number is ``null`` in JSON and Parquet and an empty cell in CSV.

A run writes JSON Lines, which grow at the end; a kill leaves at most a torn last line, which
readers leave out. With ``FILE.csv`` or ``FILE.parquet`` the JSON Lines are ``FILE.jsonl``, and the
table is exported from them when the run ends, or by ``rendicom manifest export`` after a kill.
"""

from rendicom.batch.manifest.reader import export_manifest, read_manifest
from rendicom.batch.manifest.record_columns import COLUMNS
from rendicom.batch.manifest.run_manifest import Manifest, open_manifest

__all__ = ["COLUMNS", "Manifest", "export_manifest", "open_manifest", "read_manifest"]
