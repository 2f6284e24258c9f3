"""Section of the model card about training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from birdsong.bundle.bundle import Bundle
from birdsong.learning.data.flatten_settings import flatten_settings
from birdsong.learning.export.ensemble import network_provenances
from birdsong.learning.reporting.markdown import escape, inline_code, table
from birdsong.old_names import IMAGE_FIELDS, current_training_fields, with_new_names


def training_section(bundle: Bundle) -> str:
    """Markdown of the command, settings, time and machine of each network."""
    spectrogram = bundle.spectrogram
    images = (
        f"{spectrogram.segment_s:g} s from {spectrogram.f_min_hz:g} to "
        f"{spectrogram.f_max_hz:g} Hz, around songs; every {bundle.step_s:g} s of long ones"
    )
    members = network_provenances(bundle)
    if len(members) == 1:
        return _table_of(bundle.provenance, {"an image": images})
    joint = {key: bundle.provenance.get(key) for key in ("command", "date", "licence")}
    names = ", ".join(str(each["name"]) for each in members)
    parts = [
        f"{len(members)} networks answer together, by the mean of their log probabilities: "
        f"{escape(names)}.",
        _table_of(joint, {"an image": images}),
    ]
    for each in members:
        known = {"fingerprint": each["fingerprint"]}
        parts += [f"### {escape(str(each['name']))}", _table_of(each, known)]
    return "\n\n".join(parts)


def _table_of(provenance: Mapping[str, Any], further_facts: Mapping[str, str]) -> str:
    """Markdown table of the provenance of a network and further facts."""
    config = current_training_fields(provenance.get("config", {}))
    folds = provenance.get("folds")
    seconds = provenance.get("training_s")
    began = provenance.get("began_with")
    facts = {
        "command": inline_code(str(provenance["command"])) if "command" in provenance else None,
        "seed": config.get("seed"),
        "date": provenance.get("date"),
        "machine": provenance.get("machine"),
        "training": f"{seconds} s for the network that answers" if seconds else None,
        "folds": f"{folds} more networks, each tested on its held-out recordings"
        if folds
        else None,
        "began with": f"bundle {began['name']}, fingerprint {began['fingerprint']}, which had "
        f"learned from {began['sessions']} sessions, under {began['licence'] or 'no licence named'}"
        if began
        else None,
        "images": with_new_names(provenance.get("learned_from", {}), IMAGE_FIELDS).get("images"),
        "versions": ", ".join(f"{k} {v}" for k, v in provenance.get("versions", {}).items()),
        "licence": provenance.get("licence"),
        **further_facts,
    }
    rows = [
        [name, value if name == "command" else escape(str(value))]
        for name, value in facts.items()
        if value not in (None, "")
    ]
    settings = ", ".join(
        inline_code(f"{name} {json.dumps(value)}")
        for name, value in flatten_settings(config).items()
    )
    every = f"\n\nEvery setting: {settings}." if settings else ""
    return table(["what", "how"], rows) + every
