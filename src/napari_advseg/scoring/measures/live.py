"""Scores that follow edits: a table changed pixel by pixel instead of counted anew."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from napari_advseg.scoring.measures.information import Information, information, n_log2_n
from napari_advseg.scoring.measures.rand import Convention, Squares, squares, sum_of_squares
from napari_advseg.scoring.table.contingency import Contingency, contingency, merged
from napari_advseg.settings.override import override
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.volume import Array

Pair = tuple[int, int]
Row = dict[int, int]


@dataclasses.dataclass(frozen=True)
class Values:
    """The numbers of a table, as `Score` names them; 0 is perfect for every value but `scored`."""

    voi_split: float
    voi_merge: float
    voi: float
    adapted_rand_error: float
    cremi_score: float
    scored: int


@dataclasses.dataclass(frozen=True, eq=False)
class Change:
    """Pixels that leave a table and pixels that enter it."""

    removed: Contingency
    added: Contingency

    def undone(self) -> Change:
        """The change that takes this one back."""
        return Change(self.added, self.removed)


class LiveScore:
    """VOI, adapted Rand error and CREMI score of labels that are being edited.

    Sums are kept as whole numbers, so nothing drifts: after any edits and their undoing, values are
    to the last bit those of a table counted anew. A merge takes time in proportion to the true ids
    under the two labels, other edits in proportion to the pixels they change.

    With `boundary` "thin" the table is that of the labels grown into predicted 0 (`scored_table`),
    and edits are given as they change the grown labels. A merge is the same for both.
    """

    def __init__(
        self, table: Contingency, settings: ScoringSettings | None = None, **fields: Any
    ) -> None:
        """A table, and the settings it was made with or fields of them.

        Of these, `zero` "boundary" leaves true id 0 out, `boundary` "ignore" leaves predicted 0
        out, and `rand` is the convention of the values; `by` and `border` have no meaning here.
        """
        self.settings = override(ScoringSettings, settings, fields)
        table = self._scored(table)
        self._information = information(table)
        self._squares = squares(table)
        self._rows: dict[int, Row] = {}
        self._predicted: dict[int, int] = {}
        self._truth: dict[int, int] = {}
        self._add({(p, t): count for p, t, count in _cells(table)})

    @property
    def values(self) -> Values:
        """The scores as they stand."""
        return self._values(self._information, self._squares)

    def adapted_rand_error(self, convention: Convention | None = None) -> float:
        """The adapted Rand error in a convention, that of the settings if None."""
        return self._error(self._squares, convention or self.settings.rand)

    @property
    def table(self) -> Contingency:
        """The table as it stands, sorted by predicted id, then by true id."""
        rows = [_row(p, row) for p, row in self._rows.items()]
        return merged(rows).in_order()

    def gain_of_merge(self, a: int, b: int) -> float:
        """By how many bits VOI would fall if `a` and `b` were one; negative where it would rise.

        Raises:
            ValueError: one of them is 0, where 0 is no object.
        """
        return self._information.voi - self._merged_sums(a, b)[0].voi

    def merge(self, a: int, b: int) -> Change:
        """Give all pixels of predicted id `b` the id `a`; an id without scored pixels has none.

        Raises:
            ValueError: one of them is 0, where 0 is no object.
        """
        self._information, self._squares = self._merged_sums(a, b)
        a, b = _as_id(a), _as_id(b)
        if a == b or b not in self._rows:
            return Change(Contingency.empty(), Contingency.empty())
        short, long = self._rows.pop(a, Row()), self._rows.pop(b)
        change = Change(_row(b, long), _row(a, long))
        if len(short) > len(long):
            short, long = long, short
        for t, count in short.items():
            long[t] = long.get(t, 0) + count
        self._rows[a] = long
        self._predicted[a] = self._predicted.get(a, 0) + self._predicted.pop(b)
        return change

    def split(self, label: int, new: int, truth: Array, keep: Array | None = None) -> Change:
        """Give some pixels of predicted id `label` the id `new`.

        Args:
            label: the id they have.
            new: the id they get.
            truth: true ids of just these pixels, of any shape.
            keep: True where a pixel is scored; everywhere if None.

        Raises:
            ValueError: see `repaint`.
        """
        before, after = (np.full(np.shape(truth), _as_id(one), np.uint64) for one in (label, new))
        return self.repaint(before, after, truth, keep)

    def repaint(
        self, before: Array, after: Array, truth: Array, keep: Array | None = None
    ) -> Change:
        """Give some pixels other predicted ids; to undo it, give `before` and `after` in turn.

        Args:
            before: the ids they have, of any shape.
            after: the ids they get, of the same shape.
            truth: true ids of just these pixels, of the same shape.
            keep: True where a pixel is scored; everywhere if None.

        Raises:
            ValueError: shapes differ, an array holds no ids, or the table does not have these
                pixels; nothing has changed then.
        """
        mask = None if keep is None else np.asarray(keep, np.bool_)
        old, new, under = (np.asarray(ids) for ids in (before, after, truth))
        change = Change(contingency(old, under, mask), contingency(new, under, mask))
        self.apply(change)
        return change

    def apply(self, change: Change) -> None:
        """Make a change again, or one taken back (`change.undone()`).

        Raises:
            ValueError: the table does not have the pixels that are to leave; nothing has changed.
        """
        pairs = self._more(change)
        predicted, truth = _summed(pairs, 0), _summed(pairs, 1)
        before = self._counts(pairs)
        more = list(pairs.values())
        self._check_present(pairs, before)
        unlabelled = [k for k, (p, _) in enumerate(pairs) if p == 0]
        at_pairs = _step(before, more)
        at_zero = _step([before[k] for k in unlabelled], [more[k] for k in unlabelled])
        at_predicted = _step(
            [self._predicted.get(p, 0) for p in predicted], list(predicted.values())
        )
        at_truth = _step([self._truth.get(t, 0) for t in truth], list(truth.values()))
        total = sum(more)
        self._information += Information(at_pairs.bits, at_predicted.bits, at_truth.bits, total)
        self._squares += Squares(
            at_pairs.squares,
            at_predicted.squares,
            at_truth.squares,
            at_zero.squares,
            predicted.get(0, 0),
            total,
        )
        self._add(pairs)

    def undo(self, change: Change) -> None:
        """Take a change back."""
        self.apply(change.undone())

    def _scored(self, table: Contingency) -> Contingency:
        """The part of a table that the settings score."""
        if self.settings.boundary == "ignore":
            table = table.labelled()
        return table.where(table.truth != 0) if self.settings.zero == "boundary" else table

    def _more(self, change: Change) -> dict[Pair, int]:
        """By how many pixels each pair grows; without those that stay as they are."""
        more: dict[Pair, int] = {}
        for sign, table in ((1, change.added), (-1, change.removed)):
            for p, t, count in _cells(self._scored(table)):
                more[p, t] = more.get((p, t), 0) + sign * count
        return {pair: count for pair, count in more.items() if count}

    def _counts(self, pairs: Iterable[Pair]) -> list[int]:
        rows, none = self._rows, Row()
        return [rows.get(p, none).get(t, 0) for p, t in pairs]

    def _check_present(self, pairs: dict[Pair, int], before: list[int]) -> None:
        for ((p, t), more), count in zip(pairs.items(), before, strict=True):
            if count + more < 0:
                raise ValueError(
                    f"{-more} pixels of label {p} over true label {t} are to change and the score "
                    f"knows {count}; make it anew from the labels as they are."
                )

    def _add(self, pairs: dict[Pair, int]) -> None:
        for (p, t), more in pairs.items():
            row = self._rows.setdefault(p, {})
            _grow(row, t, more)
            _grow(self._predicted, p, more)
            _grow(self._truth, t, more)
            if not row:
                del self._rows[p]

    def _merged_sums(self, a: int, b: int) -> tuple[Information, Squares]:
        """The sums if `a` and `b` were one: only true ids that both lie on count otherwise."""
        a, b = _as_id(a), _as_id(b)
        if 0 in (a, b) and self.settings.zero == "boundary":
            raise ValueError("Label 0 is no object and cannot be merged; repaint its pixels.")
        if a == b:
            return self._information, self._squares
        none = Row()
        short, long = sorted((self._rows.get(a, none), self._rows.get(b, none)), key=len)
        shared = [(count, long[t]) for t, count in short.items() if t in long]
        at_pairs = _joined(shared)
        at_predicted = _joined([(self._predicted.get(a, 0), self._predicted.get(b, 0))])
        return (
            self._information + Information(at_pairs.bits, at_predicted.bits, 0, 0),
            self._squares + Squares(at_pairs.squares, at_predicted.squares, 0, 0, 0, 0),
        )

    def _values(self, bits: Information, counts: Squares) -> Values:
        error = self._error(counts, self.settings.rand)
        cremi_score = math.sqrt(bits.voi * error)
        return Values(bits.split, bits.merge, bits.voi, error, cremi_score, bits.total)

    def _error(self, counts: Squares, convention: Convention) -> float:
        return counts.error(convention, background=self.settings.zero == "background")


def _as_id(label: int) -> int:
    found = operator.index(label)
    if not 0 <= found < 1 << 64:
        raise ValueError(f"{found} is no id; ids lie between 0 and 2^64.")
    return found


@dataclasses.dataclass(frozen=True)
class _Step:
    """By how much sums grow: of n log2 n and of squares."""

    bits: int
    squares: int


def _step(before: list[int], more: list[int]) -> _Step:
    """Where counts grow."""
    old = np.array(before, np.int64)
    new = old + np.array(more, np.int64)
    return _Step(n_log2_n(new) - n_log2_n(old), sum_of_squares(new) - sum_of_squares(old))


def _joined(counts: list[tuple[int, int]]) -> _Step:
    """Where each two counts become one."""
    one, other = np.array(counts, np.int64).reshape(-1, 2).T
    apart, both = np.concatenate((one, other)), one + other
    return _Step(n_log2_n(both) - n_log2_n(apart), sum_of_squares(both) - sum_of_squares(apart))


def _cells(table: Contingency) -> Iterable[tuple[int, int, int]]:
    return zip(table.predicted.tolist(), table.truth.tolist(), table.counts.tolist(), strict=True)


def _summed(pairs: dict[Pair, int], place: int) -> dict[int, int]:
    """The sum over the pairs with the same id at a place."""
    sums: dict[int, int] = {}
    for pair, more in pairs.items():
        sums[pair[place]] = sums.get(pair[place], 0) + more
    return sums


def _grow(counts: dict[int, int], key: int, more: int) -> None:
    """Add to a count in place; one that falls to 0 is gone."""
    count = counts.get(key, 0) + more
    if count:
        counts[key] = count
    else:
        del counts[key]


def _row(predicted: int, row: Row) -> Contingency:
    """The table of one predicted id."""
    truth = np.fromiter(row, np.uint64, len(row))
    counts = np.fromiter(row.values(), np.int64, len(row))
    return Contingency(np.full_like(truth, predicted), truth, counts)
