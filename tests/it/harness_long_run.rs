//! The long run in short: reconnects and votes without growth. `examples/long_run.rs` is the long one; docs/proof.md
//! has its last result.

use crate::harness::long_run;
use std::path::Path;

#[test]
fn three_hundred_reconnects_and_five_thousand_votes_leave_nothing_behind() {
    // In memory where that can be had: what is looked for here is not on the disk.
    let folder = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_tmkms"));
    let plan = long_run::Plan {
        nodes: 60,
        visits: 5,
        votes: 17,
    };
    let samples = long_run::run(program, folder.path(), plan, &|_| {});
    let last = samples.last().unwrap();
    assert_eq!(last.links, 300);
    assert!(last.votes >= 5_000, "{last:?}");
    let (early, late) = long_run::compare(&samples);
    assert!(late.threads <= early.threads, "{early:?} {late:?}");
    assert!(
        late.descriptors <= early.descriptors + long_run::CHANCE,
        "{early:?} {late:?}"
    );
    assert!(late.resident <= early.resident + 1024, "{early:?} {late:?}");
}
