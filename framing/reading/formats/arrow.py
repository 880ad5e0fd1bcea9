"""Arrow: a record batch is a segment. Hugging Face datasets use the streaming format; there is also a file format."""

from __future__ import annotations

from collections.abc import Iterator

from framing.reading.formats.base import Segment
from framing.reading.formats.tables import BATCH_ROWS, Cells, Table, cells_of, check_memory

#: Begins the file format; the streaming format follows.
_FILE_MAGIC = b"ARROW1\x00\x00"
_STREAM_MAGIC = b"\xff\xff\xff\xff"


class Arrow(Table):
    """Arrow, in its streaming format or in its file format."""

    name = "arrow"
    title = "Arrow"
    endings = (".arrow",)

    @classmethod
    def recognises(cls, beginning: bytes) -> bool:
        """Whether it begins as one of the two formats does."""
        return beginning.startswith((_FILE_MAGIC, _STREAM_MAGIC))

    def segments(self) -> Iterator[Segment]:
        """Read through all batches. Batches with shared dictionaries are one segment, as they need each other."""
        import pyarrow

        file = self.source.random_access()
        file.seek(self._begin())
        with pyarrow.ipc.open_stream(pyarrow.PythonFile(file, mode="r")) as reader:
            self.read_schema(reader.schema)
            share = any("dictionary<" in kind for kind in self.layout.types.values())
            first, rows = file.tell(), 0
            while True:
                start = file.tell()
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    break
                batch.validate()
                stop, rows = file.tell(), rows + batch.num_rows
                for name, column in zip(batch.schema.names, batch.columns, strict=True):
                    self.sizes[name] += column.nbytes
                if not share:
                    yield Segment(start, stop, batch.num_rows)
                    file.seek(stop)
            if share and rows:
                yield Segment(first, start, rows)

    def batches(self, number: int, names: list[str]) -> Iterator[list[Cells]]:
        """The rows of a segment, :data:`BATCH_ROWS` at a time."""
        import pyarrow

        segment = self.layout.segments[number]
        # With the schema, which stands before the first segment, each segment is a complete stream.
        schema = b"".join(self.bytes_of(self._begin(), self.layout.segments[0].start))
        content = schema + b"".join(self.bytes_of(segment.start, segment.stop))
        with pyarrow.ipc.open_stream(content) as reader:
            for batch in reader:
                chosen = batch.select(names)
                for column in chosen.columns:
                    check_memory(column)
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield cells_of(chosen.slice(start, BATCH_ROWS))

    def _begin(self) -> int:
        """Where the streaming format begins."""
        beginning = b"".join(self.bytes_of(0, len(_FILE_MAGIC)))
        return len(_FILE_MAGIC) if beginning == _FILE_MAGIC else 0
