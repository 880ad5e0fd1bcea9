"""Parquet: a row group is a segment."""

from __future__ import annotations

from collections.abc import Iterator

from framing.reading.formats.base import Segment
from framing.reading.formats.tables import BATCH_ROWS, Cells, Table, cells_of


class Parquet(Table):
    """Parquet. Only the wanted columns are read; check sums of pages are checked if the file has them."""

    name = "parquet"
    title = "Parquet"
    endings = (".parquet", ".pq")

    @classmethod
    def recognises(cls, beginning: bytes) -> bool:
        """Whether it begins with Parquet's magic bytes."""
        return beginning.startswith(b"PAR1")

    def segments(self) -> Iterator[Segment]:
        """Read the footer."""
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(self.source.random_access()) as table:
            self.read_schema(table.schema_arrow)
            groups = [table.metadata.row_group(index) for index in range(table.metadata.num_row_groups)]
        for group in groups:
            chunks = [group.column(index) for index in range(group.num_columns)]
            starts = [min(filter(None, (c.dictionary_page_offset, c.data_page_offset)), default=0) for c in chunks]
            stops = [start + c.total_compressed_size for start, c in zip(starts, chunks, strict=True)]
            for chunk in chunks:
                self.sizes[chunk.path_in_schema] += chunk.total_uncompressed_size
            yield Segment(min(starts, default=0), max(stops, default=0), group.num_rows)

    def batches(self, number: int, names: list[str]) -> Iterator[list[Cells]]:
        """The rows of a row group, :data:`BATCH_ROWS` at a time."""
        import pyarrow.parquet

        file = self.source.random_access()
        file.seek(0)
        with pyarrow.parquet.ParquetFile(file, buffer_size=1 << 20, page_checksum_verification=True) as table:
            # pyarrow takes a name with a dot for a path into a struct; then all columns are read.
            chosen = None if any("." in name for name in names) else names
            for batch in table.iter_batches(BATCH_ROWS, [number], columns=chosen, use_threads=False):
                yield cells_of(batch)
