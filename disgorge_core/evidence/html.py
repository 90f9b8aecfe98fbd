"""The report of one run as one HTML file: it opens offline, prints, and runs no script.

It states what was done, what may be claimed, what was measured with intervals, and what was not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Any

import pandas as pd

from disgorge_core import comparison, words
from disgorge_core.comparison import REMOVED, SETS, TEST, Comparison
from disgorge_core.evidence.strips import Strip, chart
from disgorge_core.types import Dataset, ForgetSet

LISTED = 50  # records in the list of changed answers


@dataclass(frozen=True, eq=False)
class Subject:
    """What the report is about: the case, the request, the run's outcome and the measurements.

    `outcome` holds the run's values: title, method, tier, claim, cost, effect, notes, settings, seed.
    """

    case: str
    data: Dataset
    forget: ForgetSet
    before: tuple[str, str]  # name and digest of the model
    after: tuple[str, str]
    outcome: Mapping[str, Any]
    comparison: Comparison
    finished: str  # date and time in UTC
    software: Mapping[str, str]  # package → version


def report(subject: Subject) -> str:
    """The whole report as the text of one HTML file."""
    tier = words.TIERS[str(subject.outcome["tier"])]
    return _PAGE.substitute(
        title=escape(f"Disgorgement report: {subject.case}"),
        finished=escape(subject.finished),
        tier=escape(tier.title),
        tier_name=escape(str(subject.outcome["tier"])),
        claim=escape(str(subject.outcome["claim"])),
        request=_facts(_request(subject)),
        done=_facts(_done(subject)),
        results=_results(subject),
        groups=_groups(subject),
        records=_changed(subject),
        limits=_list(limits(subject)),
        software=_facts(dict(subject.software)),
    )


def limits(subject: Subject) -> list[str]:
    """What the report does not show; never empty."""
    c, tier = subject.comparison, words.TIERS[str(subject.outcome["tier"])]
    found = [tier.unproved, *map(str, subject.outcome.get("notes", ()))]
    if len(c.references) == 0:
        found.append(
            "No reference models were trained: nothing shows how far chance alone moves a score."
        )
    else:
        found.append(
            f"{len(c.references)} reference models show the spread that chance makes; "
            "a difference smaller than this spread cannot be told from chance."
        )
    found.append(
        "No attack was run: membership inference, extraction and relearning were not tested."
    )
    found.append(
        "Copies of the data or of the earlier model outside this workspace were not looked for."
    )
    found.append("The intervals cover the choice of records, not other recipes or other data.")
    return found


def _request(s: Subject) -> dict[str, object]:
    in_training = int(comparison.sets(s.comparison, s.data)[REMOVED].sum())
    return {
        "Case": s.case,
        "Dataset": f"{s.data.name}, {len(s.data):,} records",
        "Dataset digest": s.data.digest,
        "Records to remove": f"{s.forget.name}: {len(s.forget):,}, of which {in_training:,} were in training",
        "How they were chosen": "; ".join(s.forget.made) or "not recorded",
        "Chosen by looking at the model": "yes" if s.forget.by_looking else "no",
        "Reason": s.forget.reason or "not recorded",
        "Requested by": s.forget.author or "not recorded",
        "Digest of the request": s.forget.digest,
    }


def _done(s: Subject) -> dict[str, object]:
    cost = s.outcome["cost"]
    settings = ", ".join(f"{k} = {v}" for k, v in s.outcome["settings"].items()) or "none"
    return {
        "Method": f"{s.outcome['title']} ({s.outcome['method']})",
        "Settings": settings,
        "Seed": s.outcome["seed"],
        "Cost": f"{cost['passes']:,.0f} record-passes, {cost['seconds']:.1f} s, "
        f"{100 * cost['of_full']:.0f} % of a full retraining",
        "Effect on the weights": s.outcome["effect"],
        "Model before": f"{s.before[0]} ({s.before[1]})",
        "Model after": f"{s.after[0]} ({s.after[1]})",
    }


def _results(s: Subject) -> str:
    table = comparison.overview(s.comparison, s.data)
    strips = [_strip(row, "set") for row in table.to_dict("records")]
    unit = "" if s.data.task == "regression" else "%"
    low, high = _range(table, unit)
    return chart(strips, low, high, unit) + _scores(table, "set", unit) + _closeness(s)


def _range(table: pd.DataFrame, unit: str) -> tuple[float, float]:
    names = [
        "before_low",
        "after_low",
        "reference_low",
        "before_high",
        "after_high",
        "reference_high",
    ]
    values = table[names].to_numpy(dtype=float)
    low, high = float(pd.DataFrame(values).min().min()), float(pd.DataFrame(values).max().max())
    return (max(0.0, low - 0.05), min(1.0, high + 0.05)) if unit == "%" else (0.0, 1.05 * high)


def _strip(row: Mapping[Any, Any], name: str) -> Strip:
    return Strip(
        str(row[name]),
        (row["before"], row["before_low"], row["before_high"]),
        (row["after"], row["after_low"], row["after_high"]),
        (row["reference_low"], row["reference_high"]) if row["references"] else None,
    )


def _scores(table: pd.DataFrame, name: str, unit: str) -> str:
    head = [
        name.capitalize(),
        "Records",
        "Before [95 %]",
        "After [95 %]",
        "References: median [range]",
    ]
    rows = [_score_row(row, name, unit) for row in table.to_dict("records")]
    return _table(head, rows)


def _score_row(row: Mapping[Any, Any], name: str, unit: str) -> list[str]:
    def span(kind: str) -> str:
        values = (row[kind], row[f"{kind}_low"], row[f"{kind}_high"])
        value, low, high = (f"{100 * v:.1f}" if unit == "%" else f"{v:.3g}" for v in values)
        return f"{value} [{low}, {high}]{' %' if unit else ''}"

    reference = span("reference") if row["references"] else "none trained"
    return [str(row[name]), f"{row['n']:,}", span("before"), span("after"), reference]


def _closeness(s: Subject) -> str:
    table = comparison.closeness(s.comparison, s.data)
    if table.empty:
        return ""
    head = ["Set", "Before to references", "After to references", "References among themselves"]
    rows = [
        [str(r["set"]), *(f"{r[k]:.4f} [{r[f'{k}_low']:.4f}, {r[f'{k}_high']:.4f}]"
                          for k in ("before", "after", "floor"))]
        for r in table.to_dict("records")
    ]  # fmt: skip
    sentence = (
        "Distance of the answers (mean Jensen-Shannon divergence in nats, with the range over "
        "references; 0 is equal, 0.693 is opposite). The last column is what chance alone makes."
    )
    return f"<p>{escape(sentence)}</p>{_table(head, rows)}"


def _groups(s: Subject) -> str:
    if s.data.task == "regression":
        return "<p>The task has no classes.</p>"
    parts = [f"<h3>By class, {TEST.lower()} records</h3>"]
    parts.append(_scores(comparison.by_class(s.comparison, s.data), "class", "%"))
    return "".join(parts)


def _changed(s: Subject) -> str:
    masks = comparison.sets(s.comparison, s.data)
    parts = []
    for name in SETS:
        rows = masks[name].nonzero()[0]
        if len(rows):
            parts.append(_changed_in(s, name, comparison.records(s.comparison, s.data, rows)))
    return "".join(parts)


def _changed_in(s: Subject, name: str, table: pd.DataFrame) -> str:
    if "changed" not in table:
        return ""
    changed = table[table["changed"]]
    sentence = f"{name}: {len(changed):,} of {len(table):,} answers changed."
    if changed.empty:
        return f"<p>{escape(sentence)}</p>"
    shown = changed.head(LISTED)
    if len(changed) > len(shown):
        sentence += f" The first {len(shown)} are listed."
    columns = ["id", "label", "predicted before", "predicted after"]
    return f"<p>{escape(sentence)}</p>" + _table(
        columns, shown[columns].astype(str).values.tolist()
    )


def _facts(pairs: Mapping[str, object]) -> str:
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in pairs.items())
    return f"<dl>{rows}</dl>"


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(v)}</td>" for v in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1b2a31; --dim: #5b6b72; --line: #dbe3e5; --paper: #fff;
  --before: #b0426d; --after: #0d6b74; --reference: #cfd9dc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3eaec; --dim: #9aa8b0; --line: #2b383e;
  --paper: #11181c; --before: #e284a8; --after: #45b5b5; --reference: #36464d; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 52rem; margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem;
  border-top: 1px solid var(--line); padding-top: 1rem; } h3 { font-size: 1rem; }
p.when, dt, .tick { color: var(--dim); } .claim { border-left: 4px solid var(--after);
  padding: .4rem 1rem; font-size: 1.05rem; } .tier { font-weight: 650; }
dl { display: grid; grid-template-columns: 15rem 1fr; gap: .25rem 1rem; } dd { margin: 0;
  overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; margin: .5rem 0 1rem; }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid var(--line); }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); } svg .name { text-anchor: end; }
svg .tick { text-anchor: middle; fill: var(--dim); } svg .grid { stroke: var(--line); }
svg .reference, .key.reference { fill: var(--reference); background: var(--reference); }
svg .before { stroke: var(--before); fill: var(--before); stroke-width: 2; }
svg .after { stroke: var(--after); fill: var(--after); stroke-width: 2; }
.key { display: inline-block; width: .9em; height: .9em; border-radius: 3px; margin: 0 .3em 0 1em; }
.key.before { background: var(--before); } .key.after { background: var(--after); }
@media print { body { margin: 0; } h2 { break-after: avoid; } table, svg { break-inside: avoid; } }
</style></head><body>
<h1>$title</h1><p class="when">Finished $finished. Made by Disgorge, research software: it supports, and does
not replace, counsel, experts and the regulator.</p>
<h2>Summary</h2><p class="tier" data-tier="$tier_name">What the result may be called: $tier</p>
<p class="claim">$claim</p>
<h2>What was asked</h2>$request
<h2>What was done</h2>$done
<h2>What was measured</h2>
<p>Share of right answers of the model before and after, with 95 % intervals, beside reference models that
were trained without the records. A model that no longer knows the removed records scores on them like the
references. <span class="key before"></span>before<span class="key after"></span>after<span
class="key reference"></span>range of the references</p>
$results $groups
<h2>Which answers changed</h2>$records
<h2>What this does not show</h2>$limits
<h2>Software</h2>$software
</body></html>
""")
