"""The table that says what became of every input of a run.

One record for each picture, or for each source that gave none, in a file beside the output:
``.jsonl`` (JSON Lines), ``.csv`` or ``.parquet``, all with the same columns. Columns keep their
names and meaning, and none is ever taken away; new ones come at the end. No patient's attribute
is among them.

==================== ===============================================================================
``source``           Path, URI, or ``ARCHIVE!/NAME`` of the input
``output``           Path or URI of the picture, empty where there is none
``status``           ``ok``; ``skipped``: the picture was there already; ``failed``;
                     ``ignored``: the input is no DICOM instance; ``filtered``: it is none of those
                     asked for
``code``             Why, in a word that stays: that of the error, or ``filtered``
``message``          Why, in a sentence
``hint``             What to do about it
``frame``            Number of the frame, from 1; nothing for a loop or a whole source
``width, height``    Of the picture, in pixels
``media_type``       Of the picture
``bytes``            Size of the picture
``voi``              The window or other VOI transform used
``warnings``         What is not quite as it should be: a list, in CSV with `` | `` between
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
==================== ===============================================================================

Text that is not there is empty, a number that is not there is nothing: ``null`` in JSON and
Parquet, an empty cell in CSV.

During a run a table grows at its end; a kill leaves at most a torn last record, which readers
leave out. Parquet cannot grow: its records gather in ``FILE.parquet.journal.jsonl`` first. In an
object store they gather in ``FILE.parts/``.
"""

from rendicom.batch.manifest.reading import read_manifest
from rendicom.batch.manifest.records import COLUMNS
from rendicom.batch.manifest.table import Manifest, open_manifest

__all__ = ["COLUMNS", "Manifest", "open_manifest", "read_manifest"]
