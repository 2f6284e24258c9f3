"""The model card of a bundle: labels, training, accuracy, limits and attribution.

All figures are computed from the bundle, without running its network, so that the card can be
written again at any time with the same content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.learning.evaluation.scores import ScoredRecordings
from birdsong.learning.evaluation.trusted_rank import NEVER, TRUSTED_PROMISE, trusted_ranks
from birdsong.learning.export.ensemble import network_provenances
from birdsong.learning.reporting.attribution import Credit, credits_section
from birdsong.learning.reporting.card_metrics import (
    accuracy_section,
    held_out_results,
    label_section,
    percent,
)
from birdsong.learning.reporting.card_training import training_section
from birdsong.learning.reporting.markdown import escape, inline_code, table

FEW_SESSIONS = 5
"""Labels with fewer sessions are listed among the limits."""


def model_card(bundle: Bundle, credits: Sequence[Credit], *, command: str = "") -> str:
    """Write the model card of a bundle.

    Parameters
    ----------
    bundle : Bundle
    credits : sequence of Credit
        Recordings that it learned from, from `attribution.learned_from`; empty without a manifest.
    command : str
        Command that writes the card, to be shown in it.

    Returns
    -------
    str
        Markdown.
    """
    scored, results = held_out_results(bundle)
    trust = trusted_ranks(results) if results else {}
    sections = [
        ("What it knows", _labels_section(bundle)),
        ("How it was trained", training_section(bundle)),
        ("How good it is", accuracy_section(bundle, scored, results)),
        ("Each label", label_section(scored, trust)),
        ("What it can't do", _limits_section(bundle, scored, trust)),
        ("Whom it learned from", _attribution_section(bundle, credits)),
    ]
    written = f" by {inline_code(command)}" if command else ""
    top = (
        f"# Model card: {escape(bundle.name)}\n\n"
        f"A bundle of birdsong, fingerprint {inline_code(bundle.fingerprint)}. This card was "
        f"written{written} from what the bundle holds; all figures are computed from it."
    )
    return "\n\n".join([top, *(f"## {title}\n\n{body}" for title, body in sections)]) + "\n"


def _labels_section(bundle: Bundle) -> str:
    labels = bundle.bird_labels
    ranks = Counter(label.rank for label in labels)
    counted = ", ".join(f"{n} of rank {rank}" for rank, n in ranks.items())
    paths = [bundle.taxonomy.path(label.taxon) for label in labels]
    above = [
        f"{len({taxon.name for path in paths for taxon in path if taxon.rank == rank})} {word}"
        for rank, word in (("genus", "genera"), ("family", "families"), ("order", "orders"))
    ]
    background = (
        "It also has a background class, learned from segments without a song: "
        "sounds like those are not a bird."
        if bundle.has_background
        else "It has no background class, and predicts a bird for every sound."
    )
    learned = bundle.provenance.get("learned_from", {})
    source = (
        f" It learned them from {learned['recordings']} recordings of "
        f"{learned['sessions']} sessions."
        if {"recordings", "sessions"} <= set(learned)
        else ""
    )
    header = ["English name", "scientific name", "rank", "recordings", "sessions"]
    rows = [
        [
            escape(label.english_name),
            f"*{escape(label.taxon)}*",
            label.rank,
            str(label.n_recordings),
            str(label.n_sessions),
        ]
        for label in labels
    ]
    return (
        f"{len(labels)} labels ({counted}), of {', '.join(above)}.{source} A session is a set "
        "of recordings of one species by one recordist at one place and day, or next to each other "
        f"in the catalogue. {background}\n\n{table(header, rows)}"
    )


def _limits_section(
    bundle: Bundle, scored: ScoredRecordings | None, trust: Mapping[int, str]
) -> str:
    labels, spectrogram = bundle.bird_labels, bundle.spectrogram
    few = [label for label in labels if label.n_sessions < FEW_SESSIONS]
    their_names = ", ".join(f"{escape(label.taxon)} ({label.n_sessions})" for label in few)
    facts = [
        f"It knows these {len(labels)} labels only. A bird of any other species is at best "
        "answered with its genus, family or order, and at worst with a wrong species.",
        "It names one bird: of several that sing at once it names one, or none.",
        f"It ignores sounds below {spectrogram.f_min_hz:g} Hz and above "
        f"{spectrogram.f_max_hz:g} Hz.",
        "It learned from recordings that people chose to share: mostly near, mostly one bird. A "
        "recorder left outdoors records more birds, and from further away; the metrics above do "
        "not apply to that.",
        "It does not use place or season: `--only LIST` limits its answers to species that occur "
        "where the recording was made.",
        "Promises are for whole recordings, not for single detections.",
    ]
    if few:
        facts.append(
            f"{len(few)} labels were learned from fewer than {FEW_SESSIONS} sessions, so from "
            f"few birds in few places (sessions in brackets): {their_names}."
        )
    if scored is not None and (n := len(labels) - len(np.unique(scored.y_true))):
        facts.append(f"{n} labels were not measured: none of their recordings could be held out.")
    if n_never := sum(rank == NEVER for rank in trust.values()):
        facts.append(
            f"{n_never} labels have no trusted rank at a promise of "
            f"{percent(TRUSTED_PROMISE, 0)} by the table above."
        )
    if bundle.calibration is None:
        facts.append(
            "It is not calibrated: a promise is used as the threshold of a probability, and is not "
            "guaranteed to hold."
        )
    if not bundle.has_background:
        facts.append("It cannot tell a bird from a noise.")
    return "\n".join(f"- {fact}" for fact in facts)


def _attribution_section(bundle: Bundle, credits: Sequence[Credit]) -> str:
    whom = "No manifest was given, so that the recordists are not known."
    if credits:
        data = bundle.calibration_data
        measured = data.recordings if data is not None else ()
        n_missing = len(set(measured) - {credit.recording for credit in credits})
        n_from_training = bundle.provenance.get("learned_from", {}).get("recordings", 0)
        whom = credits_section(credits, max(n_missing, n_from_training - len(credits)))
    networks = network_provenances(bundle)
    for provenance in networks:
        if not (began := provenance.get("began_with")):
            continue
        who = "It" if len(networks) == 1 else escape(str(provenance["name"]))
        whom += (
            f"\n\n{who} was pretrained on bundle {escape(began['name'])}: the recordists are "
            "listed in the card of that bundle, and in `attribution.csv` next to this model."
        )
    return whom
