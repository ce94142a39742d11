"""Zarr arrays of any writer, checked before they are opened: codecs, sizes, and no chunk that
silently is zero.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any, Literal

import zarr
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, WrapperStore

from napari_advseg.volume.arrays.lazy import Array, Stored, Window, in_native
from napari_advseg.volume.refusals import (
    DAMAGE,
    CorruptChunk,
    MissingChunk,
    Unreadable,
    amount,
    reason,
)

Missing = Literal["refuse", "fill"]

METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
METADATA_BYTES = 1 << 26
CHUNK_BYTES = 1 << 31
CHUNKS_PER_SHARD = 1 << 22
DEEPEST_GROUP = 6
COUNTED_CHUNKS = 20_000

# Codecs that only compress, shuffle or check numbers; object codecs (pickle, json, vlen-*) are
# not among them.
_NUMERIC = (
    "adler32 astype bitround blosc bz2 crc32 crc32c delta fixedscaleoffset fletcher32 gzip "
    "jenkins_lookup3 lz4 lzma packbits pcodec quantize shuffle zfpy zlib zstd"
)
CODECS_V2 = frozenset(_NUMERIC.split())
CODECS_V3 = frozenset(
    {"bytes", "endian", "transpose", "blosc", "gzip", "zstd", "crc32c", "sharding_indexed"}
)
CODECS_V3 |= {f"numcodecs.{name}" for name in CODECS_V2}


@dataclasses.dataclass(frozen=True)
class Node:
    """One array or group of a store on disk, as its metadata describes it."""

    path: Path
    format: int
    is_array: bool
    metadata: dict[str, Any]
    attributes: dict[str, Any]


def node_at(path: Path) -> Node | None:
    """The array or group in the folder `path`; None where there is neither.

    Raises:
        Unreadable: there is metadata, but it is no JSON object or far too large.
    """
    if (path / "zarr.json").is_file():
        metadata = _json(path / "zarr.json")
        attributes = metadata.get("attributes") or {}
        return Node(path, 3, metadata.get("node_type") == "array", metadata, attributes)
    for name, is_array in ((".zarray", True), (".zgroup", False)):
        if (path / name).is_file():
            attributes = _json(path / ".zattrs") if (path / ".zattrs").is_file() else {}
            return Node(path, 2, is_array, _json(path / name), attributes)
    return None


def arrays_below(node: Node) -> list[str]:
    """Names of all arrays in a group and its groups, "volumes/raw"."""
    found = []
    waiting = [(node.path, "")]
    while waiting:
        folder, prefix = waiting.pop()
        for child in sorted(folder.iterdir()):
            below = node_at(child) if child.is_dir() and not child.is_symlink() else None
            if below is None:
                continue
            if below.is_array:
                found.append(prefix + child.name)
            elif prefix.count("/") < DEEPEST_GROUP:
                waiting.append((child, f"{prefix}{child.name}/"))
    return sorted(found)


class Chunked(Stored):
    """A zarr array on disk; reading a window decodes the chunks it touches and nothing else.

    Reading raises MissingChunk or CorruptChunk, each naming the chunk. The chunks that a sparse array lacks are
    empty and not missing.
    """

    def __init__(self, node: Node, missing: Missing = "refuse", *, is_sparse: bool = False) -> None:
        _check(node)
        self.path = node.path
        self._is_sparse = is_sparse
        store = LocalStore(node.path, read_only=True)
        try:
            opened = zarr.open_array(
                store=store if is_sparse or missing == "fill" else _Whole(store, node.path),
                mode="r",
                zarr_format=node.format,
            )
        except DAMAGE as fault:
            raise Unreadable(
                f"'{node.path}' is no readable zarr array ({reason(fault)})."
            ) from fault
        self._array: Any = opened
        super().__init__(opened.shape, opened.dtype, opened.chunks)

    def read(self, window: Window) -> Array:
        try:
            return in_native(self._array[window])
        except Unreadable:
            raise
        except DAMAGE as fault:
            raise CorruptChunk(self._culprit(window, fault)) from fault

    def missing(self) -> list[str]:
        """Names of the chunks that are not on disk; looks at the first 20,000 only."""
        if self._is_sparse:
            return []
        names = itertools.islice(self._stored_chunks(), COUNTED_CHUNKS)
        return [name for name in names if not (self.path / name).exists()]

    def _stored_chunks(self) -> Any:
        stored = self._array.shards or self.chunks
        counts = [math.ceil(length / step) for length, step in zip(self.shape, stored, strict=True)]
        for place in itertools.product(*map(range, counts)):
            yield self._array.metadata.encode_chunk_key(place)

    def _culprit(self, window: Window, fault: BaseException) -> str:
        """Which chunk cannot be decoded, found by reading one after the other."""
        pairs = list(zip(window, self.chunks, strict=True))
        touched = [range(one.start // step, -(-one.stop // step)) for one, step in pairs]
        for place in itertools.product(*touched):
            chunk = tuple(
                slice(k * n, (k + 1) * n) for k, n in zip(place, self.chunks, strict=True)
            )
            try:
                self._array[chunk]
            except Unreadable:
                raise
            except DAMAGE as inner:
                return self._damaged(place, inner)
        return (
            f"'{self.path}' could not be read ({reason(fault)}); try again, or copy it from its "
            "source."
        )

    def _damaged(self, place: tuple[int, ...], fault: BaseException) -> str:
        inner = self._array.shards
        stored = tuple(
            k * n // s for k, n, s in zip(place, self.chunks, inner or self.chunks, strict=True)
        )
        name = self._array.metadata.encode_chunk_key(stored)
        return (
            f"'{self.path}': chunk {name} is damaged ({reason(fault)}); copy it again from its "
            "source."
        )


class _Whole(WrapperStore[LocalStore]):  # type: ignore[misc]
    """A store in which a missing chunk is an error and not a block of fill values."""

    def __init__(self, store: LocalStore, path: Path) -> None:
        super().__init__(store)
        self._path = path

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        found = await super().get(key, prototype, byte_range)
        if found is None and key.rpartition("/")[2] not in METADATA:
            raise MissingChunk(
                f"'{self._path}': chunk {key} is missing. It may have been lost, or left out "
                "by a program that "
                "writes no empty chunks; copy the store again, or read it with missing='fill' "
                "if such chunks "
                "are meant to be empty."
            )
        return found


def _json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > METADATA_BYTES:
        raise Unreadable(
            f"'{path}' has {amount(path.stat().st_size)}, far too much for zarr metadata."
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as fault:
        raise Unreadable(f"'{path}' is damaged ({reason(fault)}); copy the store again.") from fault
    if not isinstance(found, dict):
        raise Unreadable(f"'{path}' is damaged: it is no JSON object; copy the store again.")
    return found


def _check(node: Node) -> None:
    """Nothing, where the metadata describes numbers in codecs that are known and chunks that fit.

    Raises:
        Unreadable: it does not.
    """
    try:
        grid = _grid_v3(node) if node.format == 3 else _grid_v2(node)
    except (KeyError, TypeError, AttributeError, OverflowError) as fault:
        raise Unreadable(f"'{node.path}' has damaged zarr metadata ({reason(fault)}).") from fault
    shape, chunks, itemsize = grid
    if len(shape) != len(chunks) or min((*shape, 0)) < 0 or min((*chunks, 1)) < 1:
        raise Unreadable(
            f"'{node.path}' has damaged zarr metadata: shape {shape} and chunks {chunks}."
        )
    size = math.prod(chunks) * itemsize
    if size > CHUNK_BYTES:
        raise Unreadable(
            f"'{node.path}' says that each chunk holds {amount(size)}; at most "
            f"{amount(CHUNK_BYTES)} is read. "
            "The file is damaged, or must be written again with smaller chunks."
        )


Grid = tuple[tuple[int, ...], tuple[int, ...], int]


def _grid_v2(node: Node) -> Grid:
    metadata = node.metadata
    codecs = [metadata.get("compressor"), *(metadata.get("filters") or [])]
    _allow(node, [codec["id"] for codec in codecs if codec], CODECS_V2)
    kind = metadata["dtype"]
    if not isinstance(kind, str) or kind.lstrip("<>|=")[:1] not in tuple("biuf"):
        raise Unreadable(f"'{node.path}' holds elements of type {kind!r}; only numbers are read.")
    return _ints(metadata["shape"]), _ints(metadata["chunks"]), int(kind.lstrip("<>|=")[1:])


def _grid_v3(node: Node) -> Grid:
    metadata = node.metadata
    kind = metadata["data_type"]
    if not isinstance(kind, str) or kind.rstrip("0123456789") not in (
        "bool",
        "int",
        "uint",
        "float",
    ):
        raise Unreadable(f"'{node.path}' holds elements of type {kind!r}; only numbers are read.")
    if metadata["chunk_grid"]["name"] != "regular":
        raise Unreadable(
            f"'{node.path}' has chunks of unequal size; write it again with equal ones."
        )
    itemsize = 1 if kind == "bool" else int(kind.lstrip("boluintfa")) // 8
    chunks = _ints(metadata["chunk_grid"]["configuration"]["chunk_shape"])
    return _ints(metadata["shape"]), _decoded_at_once(node, metadata["codecs"], chunks), itemsize


def _decoded_at_once(
    node: Node, codecs: list[dict[str, Any]], chunks: tuple[int, ...]
) -> tuple[int, ...]:
    """The chunk that is decoded as one: the inner chunk, where shards are the only codec."""
    _allow(node, [codec["name"] for codec in codecs], CODECS_V3)
    if len(codecs) != 1 or codecs[0]["name"] != "sharding_indexed":
        for codec in codecs:
            if codec["name"] == "sharding_indexed":
                _decoded_at_once(node, codec["configuration"]["codecs"], chunks)
        return chunks
    inner = _ints(codecs[0]["configuration"]["chunk_shape"])
    _allow(
        node,
        [codec["name"] for codec in codecs[0]["configuration"].get("index_codecs", [])],
        CODECS_V3,
    )
    if min((*inner, 1)) < 1 or math.prod(chunks) // max(1, math.prod(inner)) > CHUNKS_PER_SHARD:
        raise Unreadable(
            f"'{node.path}' has shards {chunks} of chunks {inner}, too many to index; write it "
            "again."
        )
    return _decoded_at_once(node, codecs[0]["configuration"]["codecs"], inner)


def _allow(node: Node, names: list[str], known: frozenset[str]) -> None:
    strange = sorted(set(names) - known)
    if strange:
        raise Unreadable(
            f"'{node.path}' is packed with {', '.join(strange)}, which is not read; "
            "write it again with zstd, gzip or blosc."
        )


def _ints(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or any(type(value) is not int for value in values):
        raise TypeError(f"{values!r} is no list of whole numbers")
    return tuple(values)
