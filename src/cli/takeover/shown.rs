//! A take-over as the operator sees it before anything is changed.

use crate::cli::report::{Failure, columns, status};
use crate::gate::store::file::StateFile;
use crate::migrate::evidence::{Evidence, remedy};
use crate::migrate::takeover::plan::{PlanRow, What};
use crate::migrate::takeover::take_over::TakeOver;
use crate::remedy::CommandLine;

/// One line for each chain.
pub(in crate::cli) fn table(taking: &TakeOver) -> String {
    let mut rows = vec![
        ["CHAIN", "KEY", "OLD", "NOW", "THEN", "WHAT CHANGES"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(taking.plans.iter().map(|plan| {
        let PlanRow {
            chain,
            key,
            old,
            now,
            then,
            changes,
        } = plan.row();
        vec![chain, key, old, now, then, changes]
    }));
    columns(&rows)
}

/// Says what the table has no room for, and how many chains cannot be taken over.
pub(in crate::cli) fn explain(taking: &TakeOver) -> usize {
    let mut impossible = 0;
    for plan in &taking.plans {
        for note in &plan.notes {
            status("Note", format!("[{}] {note}", plan.chain));
        }
        if let What::Impossible(why) = &plan.what {
            impossible += 1;
            status("Problem", format!("[{}] {why}", plan.chain));
        }
    }
    impossible
}

/// The refusal where a file nearby says more: file, height, and the command that takes it over.
pub(in crate::cli) fn refused(
    found: &Evidence,
    place: &StateFile,
    command: &CommandLine,
) -> Failure {
    Failure::new(format!("nothing was changed: {}", found.told(place))).hint(remedy(place, command))
}
