//! A short run of `examples/lying_coordinators`, and its negative controls.

#[path = "../../examples/lying_coordinators/judge.rs"]
mod judge;
#[path = "../../examples/lying_coordinators/liar.rs"]
mod liar;
#[path = "../../examples/lying_coordinators/loose.rs"]
mod loose;
#[path = "../../examples/lying_coordinators/random.rs"]
mod random;
#[path = "../../examples/lying_coordinators/world.rs"]
mod world;

use liar::Siege;
use loose::{CONTROLS, Members};

#[test]
fn two_lying_coordinators_get_no_two_signatures_and_no_key() {
    for (threshold, members) in [(2, 3), (3, 4)] {
        let mut siege = Siege::of(threshold, members, Members::AsTheyAre, 11);
        let held = siege.run(2_000);
        println!("{}", siege.seen());
        assert_eq!(held, Ok(()), "{}", siege.seen());
        assert!(siege.seen().is_worth_it(), "{}", siege.seen());
    }
}

#[test]
fn they_get_both_of_members_with_a_mistake() {
    for (members, is_it) in CONTROLS {
        let mut siege = Siege::of(2, 3, members, 12);
        let broken = siege.run(10_000).expect_err("it was not caught");
        println!("{members:?}: {broken:?} after {}", siege.seen());
        assert!(is_it(&broken), "{members:?}: {broken:?}");
    }
    // A lock that a restart forgets becomes a conflict, also for who sees no disk.
    let mut siege = Siege::of(2, 3, Members::NotDurable, 12).without_disks();
    let broken = siege.run(20_000).expect_err("it was not caught");
    println!("{broken:?} after {}", siege.seen());
    assert!(loose::is_conflict(&broken), "{broken:?}");
}
