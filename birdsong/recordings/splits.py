"""Split recordings into training, validation, calibration and test sets, or into folds.

The recordings of a session resemble each other, so a session is never divided. Both functions visit
the sessions label by label, in a random order, and assign each session to the split or fold that is
furthest below its share. `sessions.infer_sessions` finds the sessions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from birdsong.errors import DatasetError

SPLITS = ("train", "validation", "calibration", "test")

Keys: TypeAlias = Sequence[str] | Sequence[int] | npt.NDArray[Any]
"""One session, label, split or fold per recording."""


def split_by_session(
    sessions: Keys,
    labels: Keys,
    *,
    validation_share: float = 0.15,
    calibration_share: float = 0.0,
    test_share: float = 0.15,
    seed: int = 0,
) -> npt.NDArray[np.str_]:
    """Split recordings into training and held-out sets, stratified by label.

    Every label keeps at least half of its recordings in training, or the training share if that is
    less. So every label is in training, and a label with one session is only in training. Within
    this limit the held-out sets have about the requested shares, of all recordings and of each
    label. The result does not depend on the order of the rows.

    Parameters
    ----------
    sessions : sequence of str or int, length n_recordings
    labels : sequence of str or int, length n_recordings
        Labels to stratify by. A session may have several labels.
    validation_share, calibration_share, test_share : float
        Shares of the recordings, each 0 or greater, together less than 1.
    seed : int

    Returns
    -------
    str, shape (n_recordings,), dtype ``<U11``
        One of `SPLITS`.

    Raises
    ------
    DatasetError
        If `sessions` and `labels` differ in length or are empty, or a share is out of range.
    """
    held_out_shares = (validation_share, calibration_share, test_share)
    held_out_share = sum(held_out_shares)
    if not (all(share >= 0 for share in held_out_shares) and held_out_share < 1):
        raise DatasetError(
            "the shares of validation, calibration and test must be 0 or greater and together "
            f"less than 1, got {', '.join(map(str, held_out_shares[:-1]))} and {test_share}"
        )
    label_counts, session_of = _count_labels(sessions, labels)
    n_recordings_of_label = Counter(_codes(labels))
    max_held_out_share = max(0.5, held_out_share)
    shares = (1 - held_out_share, *held_out_shares)
    n_in_split = [0] * len(SPLITS)
    n_held_out: Counter[int] = Counter()
    split_of = np.zeros(len(label_counts), dtype=np.intp)
    n_seen = 0
    for session in _sessions_by_label(label_counts, len(n_recordings_of_label), seed):
        session_counts = label_counts[session]
        n_seen += session_counts.total()
        split = max(range(len(SPLITS)), key=lambda i: shares[i] * n_seen - n_in_split[i])
        if split and all(
            n_held_out[label] + n <= max_held_out_share * n_recordings_of_label[label]
            for label, n in session_counts.items()
        ):
            split_of[session] = split
            n_held_out.update(session_counts)
        n_in_split[split_of[session]] += session_counts.total()
    return np.array(SPLITS, dtype="<U11")[split_of[session_of]]


def folds_by_session(
    sessions: Keys, labels: Keys, *, n_folds: int, seed: int = 0
) -> npt.NDArray[np.intp]:
    """Divide recordings into folds for cross-validation, stratified by label.

    Each fold is held out once. Every label stays in the training data: if all sessions of a label
    are in one fold, the smallest session is always used for training. The result does not depend
    on the order of the rows.

    Parameters
    ----------
    sessions, labels : sequences of str or int, length n_recordings
        As in `split_by_session`.
    n_folds : int
        2 or more.
    seed : int

    Returns
    -------
    int, shape (n_recordings,)
        Fold in which a recording is held out, from 0; -1 for one that is always in training.

    Raises
    ------
    DatasetError
        If `sessions` and `labels` differ in length or are empty, `n_folds` is less than 2, or there
        are too few sessions to fill each fold.
    """
    if n_folds < 2:
        raise DatasetError(f"'n_folds' must be 2 or greater, got {n_folds}")
    label_counts, session_of = _count_labels(sessions, labels)
    n_labels = len(set().union(*label_counts))
    sessions_of_label: list[list[int]] = [[] for _ in range(n_labels)]
    for session, session_counts in enumerate(label_counts):
        for label in session_counts:
            sessions_of_label[label].append(session)

    fold_of = np.full(len(label_counts), -1, dtype=np.intp)
    n_used_folds = min(n_folds, len(label_counts))
    n_recordings_of_label = np.zeros((n_used_folds, n_labels), dtype=np.int64)
    n_in_fold = np.zeros(n_used_folds, dtype=np.int64)
    for session in _sessions_by_label(label_counts, n_labels, seed):
        session_labels = list(label_counts[session])
        if any(len(sessions_of_label[label]) == 1 for label in session_labels):
            continue
        # The fold with the fewest recordings of these labels; on a tie, with the fewest recordings.
        fold = np.lexsort((n_in_fold, n_recordings_of_label[:, session_labels].sum(axis=1)))[0]
        fold_of[session] = fold
        n_recordings_of_label[fold, session_labels] += list(label_counts[session].values())
        n_in_fold[fold] += label_counts[session].total()
    for sessions_of_one in sessions_of_label:
        folds = set(fold_of[sessions_of_one])
        if len(folds) == 1 and folds != {-1}:
            fold_of[min(sessions_of_one, key=lambda session: label_counts[session].total())] = -1

    n_filled = len(set(fold_of[fold_of >= 0]))
    if n_filled < n_folds:
        raise DatasetError(
            f"{n_folds} folds were asked for, but the {len(label_counts)} sessions fill "
            f"{n_filled}; lower 'n_folds' or add sessions to labels that have only one"
        )
    return fold_of[session_of]


def check_no_leak(sessions: Keys, splits: Keys) -> None:
    """Check that no session is in two splits or folds.

    Parameters
    ----------
    sessions : sequence of str or int, length n_recordings
    splits : sequence of str or int, length n_recordings
        Splits of `split_by_session` or folds of `folds_by_session`.

    Raises
    ------
    DatasetError
        If a session is in two splits, or the lengths differ.
    """
    if len(sessions) != len(splits):
        raise DatasetError(
            f"{len(sessions)} sessions for {len(splits)} recordings, expected one for each"
        )
    split_of: dict[Hashable, Hashable] = {}
    for session, split in zip(_plain(sessions), _plain(splits), strict=True):
        first = split_of.setdefault(session, split)
        if first != split:
            raise DatasetError(
                f"session {session!r} is in two splits, {first!r} and {split!r}; "
                "the test would use recordings of a training session"
            )


def _count_labels(sessions: Keys, labels: Keys) -> tuple[list[Counter[int]], npt.NDArray[np.intp]]:
    """Count the recordings per label of every session, and index the session of each recording."""
    if len(sessions) != len(labels):
        raise DatasetError(
            f"{len(sessions)} sessions for {len(labels)} labels, expected one label for each"
        )
    if not len(sessions):
        raise DatasetError("expected at least one recording to split, got none")
    session_of, label_of = _codes(sessions), _codes(labels)
    label_counts: list[Counter[int]] = [Counter() for _ in range(max(session_of) + 1)]
    for session, label in zip(session_of, label_of, strict=True):
        label_counts[session][label] += 1
    return label_counts, np.array(session_of, dtype=np.intp)


def _sessions_by_label(label_counts: list[Counter[int]], n_labels: int, seed: int) -> list[int]:
    """Indices of all sessions, label by label; labels and sessions are in random order."""
    generator = np.random.default_rng(seed)
    label_turn = generator.permutation(n_labels)
    session_turn = generator.permutation(len(label_counts))
    return sorted(
        range(len(label_counts)),
        key=lambda session: (
            min(label_turn[label] for label in label_counts[session]),
            session_turn[session],
        ),
    )


def _codes(keys: Keys) -> list[int]:
    plain = _plain(keys)
    code_of = {key: code for code, key in enumerate(sorted(set(plain)))}
    return [code_of[key] for key in plain]


def _plain(keys: Keys) -> list[Any]:
    return keys.tolist() if isinstance(keys, np.ndarray) else list(keys)
