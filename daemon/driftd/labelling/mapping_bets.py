"""What is bet on when classes go by other names. Rule: a bet is on one direction, against each plain explanation.

All is conditional on the label or on the prediction, so that other frequencies of the classes win nothing. With the
reference's P(prediction | label), the candidates are

- taken over, a -> b: what is labelled b is predicted as a was (and b no longer is);
- shared, a -> b: what is labelled b is predicted as a and b were together;
- vanished, a: where predictions lead to expect the label a it does not come;
- new, a -> x: what is labelled x, unknown to the reference, is predicted as a was.

A swap is a -> b and b -> a, both; a longer circle likewise; a merge is a vanished and shared with b; a renaming is a
vanished and new as x. The explanations that each bet is held against: the labels are as before, and the model has lost
LOSSES of its accuracy (its answers are mixed with answers that know nothing), or cannot tell a from b.

That other frequencies of what is *predicted* (P(label | prediction) as before) could win both directions of a swap
is ruled out for a model that tells the two classes apart: it would take P(b|A) P(a|B) > P(a|A) P(b|B).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.stakes import ERRORS, stepped

LOSSES: Final = (0.0, 0.25, 0.5, 1.0)
TAKEN_OVER: Final = len(LOSSES) + 3
SHARED: Final = len(LOSSES)
ALONE: Final = (0, 1, 2, 3, 4)
"""The taken-over bets that one direction has to win alone: the LOSSES, then "cannot tell a from b"."""
AS_A_PAIR: Final = (0, 1, 2, 5, 6)
"""Two classes win against "knows nothing" and "cannot tell" together (the last bets): those are about both."""
VANISHED_SHARE: Final = 0.05
"""A class has vanished if so little of its labels is left."""
SHARES: Final = (0.4, 0.2, 0.2, 0.2)
"""How much of the budget goes to taken over, shared, vanished, new."""


class MappingBets:
    """The bets for k classes and `slots` unknown labels, from a reference's counts.

    They lie in one row: taken over and shared (k labels b, k classes a, 11), vanished (k, 4), new (slots, k).
    """

    def __init__(self, counts: NDArray[np.int64], slots: int) -> None:
        """Learn from `counts` (k + 1 predictions, the last for all others, k labels) of a reference."""
        self.k = counts.shape[1]
        self.slots = slots
        each = counts.sum(axis=0)
        self.answers = (counts.sum(axis=1) + 0.5) / (counts.sum() + 0.5 * (self.k + 1))
        self.confusion = (counts + self.answers[:, None]) / (each + 1)
        self._pairs = self._pair_slopes(each)
        self._vanished, self._came = self._vanished_slopes(counts)
        self._new = stepped(np.log(self.confusion / self.answers[:, None]))
        pairs, vanished = self.k**2 * (TAKEN_OVER + SHARED), self.k * len(LOSSES)
        self.vanished_from, self.new_from = pairs, pairs + vanished
        self.count = self.new_from + slots * self.k
        self.shares = self._stake_shares(pairs, vanished)

    def _stake_shares(self, pairs: int, vanished: int) -> NDArray[np.float64]:
        """How much of time is staked on each bet; a class does not turn into itself."""
        k, others = self.k, ~np.eye(self.k, dtype=np.bool_)
        shares = np.zeros((k, k, TAKEN_OVER + SHARED))
        shares[others, :TAKEN_OVER] = SHARES[0] / max(k * (k - 1), 1)
        shares[others, TAKEN_OVER:] = SHARES[1] / max(k * (k - 1), 1)
        rest = [np.full(vanished, SHARES[2] / k), np.full(self.slots * k, SHARES[3] / (self.slots * k))]
        return np.concatenate([shares.reshape(pairs), *rest])

    def _nulls(self, loss: float) -> NDArray[np.float64]:
        """P(prediction | label), (k + 1, k), of a model that has lost `loss` of its accuracy."""
        return np.asarray((1 - loss) * self.confusion + loss * self.answers[:, None], np.float64)

    def _pair_slopes(self, each: NDArray[np.int64]) -> NDArray[np.float64]:
        """What a label wins by its prediction, (k labels b, k + 1 predictions, k classes a x 9), prices paid."""
        k = self.k
        share = each / max(int(each.sum()), 1)
        weight = (share[None, :] / (share[None, :] + share[:, None] + 1e-12))[None]
        a, b = self.confusion[:, None, :], self.confusion[:, :, None]  # (k + 1, b, a)
        mixed = weight * a + (1 - weight) * b
        nulls = [self._nulls(loss)[:, :, None] for loss in LOSSES]
        ratios = [a / null for null in nulls] + [a / ((a + b) / 2)] + [mixed / null for null in nulls]
        worths = [*nulls, (a + b) / 2, *nulls]
        slopes = np.empty((k, k + 1, k, len(ratios)))
        for i, (ratio, null) in enumerate(zip(ratios, worths, strict=True)):
            slopes[:, :, :, i] = (np.log(ratio) - self._price(ratio, null, each)).transpose(1, 0, 2)
        return stepped(slopes).reshape(k, k + 1, -1)

    @staticmethod
    def _price(
        ratio: NDArray[np.float64], null: NDArray[np.float64], each: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """What the reference's error may win, in logs (1, b, a): Bernstein's bound, as in `detectors.bets`."""
        labels = np.maximum(each, 1)[None, :, None]
        variance = np.maximum((null * ratio**2).sum(axis=0, keepdims=True) - 1, 0.0)
        steepest = ratio.max(axis=0, keepdims=True)
        price: NDArray[np.float64] = np.log1p(
            ERRORS * np.sqrt(variance / labels) + ERRORS**2 / 2 * steepest / labels
        )
        return price

    def _vanished_slopes(self, counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
        """What a prediction wins where the label a does not come, (k + 1, k classes a x 4), and loses where it does.

        Rewards lie below what they may be by the error of P(label | prediction): fewer labels expected, less won.
        """
        predicted = counts.sum(axis=1, keepdims=True)
        share = counts.sum(axis=0) / max(int(counts.sum()), 1)
        expected = (counts + share) / (predicted + 1)
        slopes = np.empty((self.k + 1, self.k, len(LOSSES)))
        for i, loss in enumerate(LOSSES):
            p = (1 - loss) * expected + loss * share
            error = ERRORS * np.sqrt(p * (1 - p) / (predicted + 1)) + ERRORS**2 / 2 / (predicted + 1)
            low = np.maximum(p - error, 0.0)
            slopes[:, :, i] = np.log((1 - VANISHED_SHARE * low) / (1 - low))
        return stepped(slopes).reshape(self.k + 1, -1), float(stepped(np.log(np.array([VANISHED_SHARE])))[0])

    def wins(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """The logs that each bet wins on panes of `counts` (t, k + 1 predictions, k + slots labels), (t, count)."""
        k, numbers = self.k, counts.astype(np.float64)
        panes = len(numbers)
        alone = np.matmul(numbers[:, :, :k].transpose(2, 0, 1), self._pairs).transpose(1, 0, 2)
        alone = alone.reshape(panes, k, k, -1)
        joint = alone[:, :, :, [len(LOSSES) - 1, len(LOSSES)]]
        joint = joint + joint.transpose(0, 2, 1, 3)
        pairs = np.concatenate([alone[..., : len(ALONE)], joint, alone[..., len(ALONE) :]], axis=3)
        came = numbers[:, :, :k]  # (t, predictions, a)
        without = numbers.sum(axis=2)[:, :, None] - came
        slopes = self._vanished.reshape(k + 1, k, len(LOSSES))
        vanished = np.einsum("tpa,pal->tal", without, slopes) + self._came * came.sum(axis=1)[:, :, None]
        new = np.matmul(numbers[:, :, k:].transpose(0, 2, 1), self._new)
        return np.concatenate([part.reshape(panes, -1) for part in (pairs, vanished, new)], axis=1)

    def swapped(self, held: NDArray[np.float64]) -> NDArray[np.float64]:
        """The evidence that two classes go by each other's names, (k, k), symmetric."""
        one_way = self._of_pairs(held)[:, :, AS_A_PAIR].min(axis=2)
        return np.asarray(np.minimum(one_way, one_way.T), np.float64)

    def taken_over(self, held: NDArray[np.float64]) -> NDArray[np.float64]:
        """The evidence that label b is what a was, (k labels b, k classes a)."""
        return np.asarray(self._of_pairs(held)[:, :, ALONE].min(axis=2), np.float64)

    def shared(self, held: NDArray[np.float64]) -> NDArray[np.float64]:
        """The evidence that label b is what a and b were, (k labels b, k classes a)."""
        return np.asarray(self._of_pairs(held)[:, :, TAKEN_OVER:].min(axis=2), np.float64)

    def vanished(self, held: NDArray[np.float64]) -> NDArray[np.float64]:
        """The evidence that the label a no longer comes, (k,)."""
        return np.asarray(
            held[self.vanished_from : self.new_from].reshape(self.k, -1).min(axis=1), np.float64
        )

    def new(self, held: NDArray[np.float64]) -> NDArray[np.float64]:
        """The evidence that an unknown label is what a was, (slots, k)."""
        return held[self.new_from :].reshape(self.slots, self.k)

    def _of_pairs(self, held: NDArray[np.float64]) -> NDArray[np.float64]:
        return held[: self.vanished_from].reshape(self.k, self.k, -1)

    def pair_bets(self, b: int, a: int, shared: bool) -> NDArray[np.int64]:
        """The bets on a -> b."""
        first = (b * self.k + a) * (TAKEN_OVER + SHARED) + (TAKEN_OVER if shared else 0)
        return np.arange(first, first + (SHARED if shared else TAKEN_OVER))

    def vanished_bets(self, a: int) -> NDArray[np.int64]:
        """The bets on a's label having vanished."""
        first = self.vanished_from + a * len(LOSSES)
        return np.arange(first, first + len(LOSSES))

    def new_bets(self, slot: int) -> NDArray[np.int64]:
        """The bets on the unknown label in `slot`."""
        first = self.new_from + slot * self.k
        return np.arange(first, first + self.k)
