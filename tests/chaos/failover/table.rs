//! The table of what was seen, for people: `chaos/RESULTS.md`.
//!
//! Enters: the cases of one fault and what came of them. Leaves: the file. Fails by panicking.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use tests::root;

use super::model::{Call, Case, Mode, Outcome, Row};
use super::{CALLS, MODES};

/// Writes one row for each fault and kind of call.
pub fn write(rows: &[Row], results: &[(&Case<'_>, &Outcome, Duration)], seed: u64, share: Duration) {
    let mut text = format!(
        "# Failover under faults: what was seen\n\n\
         Written by `PROVE=1 cargo test -p tests --test failover`, seed {seed}: {} cases, of which {} are mixtures of \
         faults at two to four targets and not listed here. Every one came out as the contract says.\n\n\
         A cell: requests that the first and the second target saw, how often their far sides carried the call out, \
         and how it ended. **2nd** is served by the second target; an error has its `effect` in brackets. The last \
         column is the longest case of the row; each target's share of the time is {} s.\n",
        results.len(),
        results.iter().filter(|(case, ..)| fault_of(case).is_none()).count(),
        share.as_secs_f64(),
    );
    for (title, is_everywhere, on_throttling) in [
        ("The first target has the fault, the second has none", false, false),
        ("The same, where throttling moves on, too (`on`)", false, true),
        ("Both targets have the fault", true, false),
    ] {
        _ = write!(
            text,
            "\n## {title}\n\n| fault | call | sdk | safe | none | took |\n|---|---|---|---|---|---|\n"
        );
        for (row, call) in rows.iter().flat_map(|row| CALLS.map(|call| (row, call))) {
            let of_row: Vec<_> = results
                .iter()
                .filter(|(case, ..)| {
                    let found = fault_of(case);
                    found.is_some_and(|(name, everywhere)| name == row.name && everywhere == is_everywhere)
                        && (case.call, case.on_throttling) == (call, on_throttling)
                })
                .collect();
            if of_row.is_empty() {
                continue;
            }
            let cells: BTreeMap<usize, String> =
                of_row.iter().map(|(case, outcome, _)| (place(case.mode), cell(outcome))).collect();
            let cells: Vec<String> = cells.into_values().collect();
            let took = of_row.iter().map(|(.., took)| *took).max().unwrap_or_default();
            let took = took.as_secs_f64();
            _ = writeln!(text, "| {} | {} | {} | {took:.1} s |", row.name, named(call), cells.join(" | "));
        }
    }
    std::fs::write(root().join("tests/chaos/RESULTS.md"), text).unwrap_or_else(|error| panic!("{error}"));
}

/// The one fault of a case, and whether both targets have it; nothing for a mixture.
fn fault_of<'a>(case: &Case<'a>) -> Option<(&'a str, bool)> {
    let [first, second] = case.targets.as_slice() else { return None };
    let ([first], [second]) = (first.as_slice(), second.as_slice()) else { return None };
    let is_healthy = second.name == "no fault";
    (is_healthy || first.name == second.name).then_some((first.name.as_str(), !is_healthy))
}

fn place(mode: Mode) -> usize {
    MODES.iter().position(|it| *it == mode).unwrap_or_default()
}

fn named(call: Call) -> &'static str {
    match call {
        Call::Read => "read",
        Call::Write => "write",
        Call::Token => "write with a token",
        Call::Repeatable => "write, `repeatable`",
    }
}

fn cell(outcome: &Outcome) -> String {
    let pair = |counts: &[usize]| counts.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
    let end = match (outcome.served, &outcome.error) {
        (Some(0), _) => "1st".to_owned(),
        (Some(_), _) => "**2nd**".to_owned(),
        (None, error) => {
            let name = error.as_deref().unwrap_or_default().trim_start_matches("CrossRegion.");
            format!("{name} ({})", format!("{:?}", outcome.effect).to_lowercase())
        }
    };
    format!("{} seen, {} done: {end}", pair(&outcome.requests), pair(&outcome.done))
}
