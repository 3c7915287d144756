//! Many chains of one home, and how long their votes take beside something else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tmkms::backends::softsign::key::SoftKey;
use tmkms::gate::store::file::{FileStore, StateFile};
use tmkms::gate::watermark::Watermark;
use tmkms::harness::Listener;
use tmkms::os::clock::{Clock, SystemClock};

use super::chain::Chain;
use super::home::Home;

/// A chain of the home with a key, a state and a node of its own, and its sections.
pub fn chain(home: &Home, id: &str) -> (Listener, Chain) {
    let (key, text) = SoftKey::generate(Default::default()).unwrap();
    let file = |end: &str| home.path().join(format!("{id}.{end}"));
    tmkms::secret_file::create(&file("key"), &text).unwrap();
    let place = StateFile {
        chain_id: id.parse().unwrap(),
        public_key: key.public_key(),
        path: file("json"),
        share: None,
        allow_ephemeral: true,
        scopes: Default::default(),
        shared: false,
        commands: Default::default(),
    };
    FileStore::create(&place, &Watermark::Never, SystemClock.now().wall).unwrap();
    let listener = Listener::unix(&file("sock")).unwrap();
    let section = Chain::with_state(id, &format!("{id}.json"))
        .node(listener.address().unwrap())
        .key(&format!("{id}.key"));
    (listener, section)
}

/// So many chains, `load-0` and on, and the configuration of all of them.
pub fn chains(home: &Home, count: usize) -> (Vec<Listener>, String) {
    let (listeners, sections): (Vec<_>, Vec<_>) = (0..count)
        .map(|number| chain(home, &format!("load-{number}")))
        .unzip();
    (listeners, sections.iter().map(Chain::to_string).collect())
}

/// Tells the nodes to end, also where the thread that measures panics.
pub struct Ends<'a>(pub &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A vote: the phase in which it began, and how long it took.
pub type Vote = (usize, Duration);

/// What 99 of 100 votes of each first phase took, over the same of the phase beside it: sorted. Phases are compared with their
/// neighbours, so that a machine that changes its pace changes both.
pub fn ratios(votes: &[Vec<Vote>], phases: impl Iterator<Item = (usize, usize)>) -> Vec<f64> {
    let p99 = |wanted| {
        let votes = votes.iter().flatten();
        let votes = votes.filter(|(phase, _)| *phase == wanted);
        let mut times: Vec<Duration> = votes.map(|(_, time)| *time).collect();
        times.sort_unstable();
        times[times.len() * 99 / 100].as_secs_f64()
    };
    let mut ratios: Vec<f64> = phases
        .map(|(with, without)| p99(with) / p99(without))
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios
}
