"""A bundle's model card: what it knows, how it was trained, how good it is, what it can't do.

Every figure is counted or computed from what the bundle holds, so that the card of a bundle can be
written anew at any time and says the same. No network runs.
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
from birdsong.learning.reporting.markdown import code, plain, table

FEW_SESSIONS = 5
"""Labels of fewer sessions are named as learned from little."""


def model_card(bundle: Bundle, credits: Sequence[Credit], *, command: str = "") -> str:
    """Write the card of a bundle.

    Parameters
    ----------
    bundle : Bundle
    credits : sequence of Credit
        The recordings that it learned from, from `attribution.learned_from`; empty where there is
        no manifest.
    command : str
        The command that wrote the card, which the card names.

    Returns
    -------
    str
        Markdown.
    """
    scored, results = held_out_results(bundle)
    trust = trusted_ranks(results) if results else {}
    sections = [
        ("What it knows", _knows(bundle)),
        ("How it was trained", training_section(bundle)),
        ("How good it is", accuracy_section(bundle, scored, results)),
        ("Each label", label_section(scored, trust)),
        ("What it can't do", _cannot(bundle, scored, trust)),
        ("Whom it learned from", _whom(bundle, credits)),
    ]
    written = f" by {code(command)}" if command else ""
    top = (
        f"# Model card: {plain(bundle.name)}\n\n"
        f"A bundle of birdsong, fingerprint {code(bundle.fingerprint)}. This card was written"
        f"{written} from what the bundle holds; every figure is counted or computed from that."
    )
    return "\n\n".join([top, *(f"## {title}\n\n{body}" for title, body in sections)]) + "\n"


def _knows(bundle: Bundle) -> str:
    labels = bundle.bird_labels
    ranks = Counter(label.rank for label in labels)
    counted = ", ".join(f"{n} of rank {rank}" for rank, n in ranks.items())
    paths = [bundle.taxonomy.path(label.taxon) for label in labels]
    above = [
        f"{len({taxon.name for path in paths for taxon in path if taxon.rank == rank})} {word}"
        for rank, word in (("genus", "genera"), ("family", "families"), ("order", "orders"))
    ]
    background = (
        "Besides it has a background class, learned from stretches of recordings without a song: "
        "what sounds like those is no bird."
        if bundle.has_background
        else "It has no background class, and takes every sound for a bird."
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
            plain(label.english_name),
            f"*{plain(label.taxon)}*",
            label.rank,
            str(label.n_recordings),
            str(label.n_sessions),
        ]
        for label in labels
    ]
    return (
        f"{len(labels)} labels ({counted}), of {', '.join(above)}.{source} A session is what "
        "belongs together: one species, one recordist, one place and day, or neighbours in the "
        f"catalogue. {background}\n\n{table(header, rows)}"
    )


def _cannot(bundle: Bundle, scored: ScoredRecordings | None, trust: Mapping[int, str]) -> str:
    labels, spectrogram = bundle.bird_labels, bundle.spectrogram
    few = [label for label in labels if label.n_sessions < FEW_SESSIONS]
    their_names = ", ".join(f"{plain(label.taxon)} ({label.n_sessions})" for label in few)
    facts = [
        f"It knows these {len(labels)} labels only. A bird of any other species is at best "
        "answered with its genus, family or order, and at worst with a wrong species.",
        "It answers about one bird: of several that sing at once it names one, or none.",
        f"It hears nothing below {spectrogram.f_min_hz:g} Hz and nothing above "
        f"{spectrogram.f_max_hz:g} Hz.",
        "It learned from recordings that people chose to share: mostly near, mostly one bird. A "
        "recorder left outdoors hears birds that are further away and more of them, and the "
        "figures above do not speak for that.",
        "It knows no place and no season: `--only LIST` narrows its answers to what occurs where "
        "the recording was made.",
        "Promises are for whole recordings, not for single detections.",
    ]
    if few:
        facts.append(
            f"{len(few)} labels were learned from fewer than {FEW_SESSIONS} sessions, that is from "
            f"few birds in few places (sessions in brackets): {their_names}."
        )
    if scored is not None and (n := len(labels) - len(np.unique(scored.y_true))):
        facts.append(f"Of {n} labels nothing was measured: no recording could be held out.")
    if n_never := sum(rank == NEVER for rank in trust.values()):
        facts.append(
            f"{n_never} labels are to be trusted at no rank at a promise of "
            f"{percent(TRUSTED_PROMISE, 0)} by the table above."
        )
    if bundle.calibration is None:
        facts.append(
            "It is not calibrated: a promise is the probability that an answer needs, and nothing "
            "says that it holds."
        )
    if not bundle.has_background:
        facts.append("It cannot tell a bird from a noise.")
    return "\n".join(f"- {fact}" for fact in facts)


def _whom(bundle: Bundle, credits: Sequence[Credit]) -> str:
    whom = "No manifest was named that tells who recorded what it learned from."
    if credits:
        data = bundle.calibration_data
        measured = data.recordings if data is not None else ()
        n_missing = len(set(measured) - {credit.recording for credit in credits})
        n_learned = bundle.provenance.get("learned_from", {}).get("recordings", 0)
        whom = credits_section(credits, max(n_missing, n_learned - len(credits)))
    networks = network_provenances(bundle)
    for provenance in networks:
        if not (began := provenance.get("began_with")):
            continue
        who = "It" if len(networks) == 1 else plain(str(provenance["name"]))
        whom += (
            f"\n\n{who} began with what bundle {plain(began['name'])} had learned: whose "
            "recordings those were, the card of that bundle tells, and `attribution.csv` beside "
            "this model."
        )
    return whom
