"""Parts and folds that never tear a session apart.

A network that has heard one recording of a session knows the others, so all of them stay on one
side. Both splits walk over the sessions label by label, in an order drawn from the seed, and give
each session to the side that is furthest behind: what one label could not give, the next ones make
up for. Which recordings belong together is told by `sessions.infer_sessions`.
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
"""One session, label, part or fold per recording."""


def split_by_session(
    sessions: Keys,
    labels: Keys,
    *,
    validation_share: float = 0.15,
    calibration_share: float = 0.0,
    test_share: float = 0.15,
    seed: int = 0,
) -> npt.NDArray[np.str_]:
    """Divide recordings into training and the parts held out, session by session.

    Every label keeps at least half of its recordings in training, or the training share where that
    is less; so every label is trained on, and a label with one session is trained on only. Within
    that limit the other parts hold about the shares asked for, of all recordings and of each label.
    The result does not depend on the order of the rows.

    Parameters
    ----------
    sessions : sequence of str or int, length n_recordings
    labels : sequence of str or int, length n_recordings
        What to stratify by. A session may hold several labels.
    validation_share, calibration_share, test_share : float
        Shares of the recordings, 0 or more, together less than 1.
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
    held_out = (validation_share, calibration_share, test_share)
    held_out_share = sum(held_out)
    if not (all(share >= 0 for share in held_out) and held_out_share < 1):
        raise DatasetError(
            "the shares of validation, calibration and test must be 0 or greater and together "
            f"less than 1, got {', '.join(map(str, held_out[:-1]))} and {test_share}"
        )
    members, session_of = _sessions(sessions, labels)
    n_of_label = Counter(_codes(labels))
    most_held_out = max(0.5, held_out_share)
    shares = (1 - held_out_share, *held_out)
    n_in_part = [0] * len(SPLITS)
    n_held_out: Counter[int] = Counter()
    part_of = np.zeros(len(members), dtype=np.intp)
    n_seen = 0
    for session in _by_label(members, len(n_of_label), seed):
        n_of_session = members[session]
        n_seen += n_of_session.total()
        part = max(range(len(SPLITS)), key=lambda i: shares[i] * n_seen - n_in_part[i])
        if part and all(
            n_held_out[label] + n <= most_held_out * n_of_label[label]
            for label, n in n_of_session.items()
        ):
            part_of[session] = part
            n_held_out.update(n_of_session)
        n_in_part[part_of[session]] += n_of_session.total()
    return np.array(SPLITS, dtype="<U11")[part_of[session_of]]


def folds_by_session(
    sessions: Keys, labels: Keys, *, n_folds: int, seed: int = 0
) -> npt.NDArray[np.intp]:
    """Divide recordings into folds for cross-validation, session by session.

    Each fold is held out once while the others are trained on. A label never disappears from the
    training side: where all of its sessions would be held out at once, its smallest one is always
    trained on. The result does not depend on the order of the rows.

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
        The fold in which a recording is held out, from 0; -1 for one that is always trained on.

    Raises
    ------
    DatasetError
        If `sessions` and `labels` differ in length or are empty, if `n_folds` is less than 2, or if
        there are too few sessions for each fold to hold one out.
    """
    if n_folds < 2:
        raise DatasetError(f"'n_folds' must be 2 or greater, got {n_folds}")
    members, session_of = _sessions(sessions, labels)
    n_labels = len(set().union(*members))
    sessions_of_label: list[list[int]] = [[] for _ in range(n_labels)]
    for session, n_of_session in enumerate(members):
        for label in n_of_session:
            sessions_of_label[label].append(session)

    fold_of = np.full(len(members), -1, dtype=np.intp)
    n_tried = min(n_folds, len(members))
    n_of_label = np.zeros((n_tried, n_labels), dtype=np.int64)
    n_in_fold = np.zeros(n_tried, dtype=np.int64)
    for session in _by_label(members, n_labels, seed):
        present = list(members[session])
        if any(len(sessions_of_label[label]) == 1 for label in present):
            continue
        # The fold with the fewest of these labels, among equals the one with the fewest recordings.
        fold = np.lexsort((n_in_fold, n_of_label[:, present].sum(axis=1)))[0]
        fold_of[session] = fold
        n_of_label[fold, present] += list(members[session].values())
        n_in_fold[fold] += members[session].total()
    for own in sessions_of_label:
        folds = set(fold_of[own])
        if len(folds) == 1 and folds != {-1}:
            fold_of[min(own, key=lambda session: members[session].total())] = -1

    n_filled = len(set(fold_of[fold_of >= 0]))
    if n_filled < n_folds:
        raise DatasetError(
            f"{n_folds} folds were asked for, but the {len(members)} sessions fill {n_filled}; "
            "lower 'n_folds' or add sessions to labels that have only one"
        )
    return fold_of[session_of]


def check_no_leak(sessions: Keys, parts: Keys) -> None:
    """Make sure that no session lies on two sides.

    Parameters
    ----------
    sessions : sequence of str or int, length n_recordings
    parts : sequence of str or int, length n_recordings
        Parts as from `split_by_session` or folds as from `folds_by_session`.

    Raises
    ------
    DatasetError
        If a session lies on two sides, or the lengths differ.
    """
    if len(sessions) != len(parts):
        raise DatasetError(f"{len(sessions)} sessions for {len(parts)} parts, expected as many")
    part_of: dict[Hashable, Hashable] = {}
    for session, part in zip(_plain(sessions), _plain(parts), strict=True):
        first = part_of.setdefault(session, part)
        if first != part:
            raise DatasetError(
                f"session {session!r} lies on two sides, {first!r} and {part!r}; "
                "what was learned from one would be tested on the other"
            )


def _sessions(sessions: Keys, labels: Keys) -> tuple[list[Counter[int]], npt.NDArray[np.intp]]:
    """Recordings per label of every session, sessions sorted; and the session of each recording."""
    if len(sessions) != len(labels):
        raise DatasetError(f"{len(sessions)} sessions for {len(labels)} labels, expected as many")
    if not len(sessions):
        raise DatasetError("expected at least one recording to divide, got none")
    session_of, label_of = _codes(sessions), _codes(labels)
    members: list[Counter[int]] = [Counter() for _ in range(max(session_of) + 1)]
    for session, label in zip(session_of, label_of, strict=True):
        members[session][label] += 1
    return members, np.array(session_of, dtype=np.intp)


def _by_label(members: list[Counter[int]], n_labels: int, seed: int) -> list[int]:
    """Every session once: label after label, labels and the sessions of a label in drawn order."""
    generator = np.random.default_rng(seed)
    label_turn = generator.permutation(n_labels)
    session_turn = generator.permutation(len(members))
    return sorted(
        range(len(members)),
        key=lambda session: (
            min(label_turn[label] for label in members[session]),
            session_turn[session],
        ),
    )


def _codes(keys: Keys) -> list[int]:
    plain = _plain(keys)
    code_of = {key: code for code, key in enumerate(sorted(set(plain)))}
    return [code_of[key] for key in plain]


def _plain(keys: Keys) -> list[Any]:
    return keys.tolist() if isinstance(keys, np.ndarray) else list(keys)
