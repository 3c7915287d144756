//! SIGKILL at every system call of a vote, from the request over etcd and the local file to the reply; then the other host
//! is asked for another block at the same position, and so is the killed one after its restart.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use tmkms::backends::softsign::key::SoftKey;
use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::KeyType;
use tmkms::consensus::PublicKey;
use tmkms::harness::messages::Maker;
use tmkms::harness::{Listener, Node};

use crate::rig::{CHAIN, Rig};
use crate::strace::{attach, calls};

/// How often each call is met: what other threads do at that moment differs.
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(15);

/// One host's node.
struct Side {
    listener: Listener,
    node: Option<Node>,
}

impl Side {
    fn at(socket: &Path) -> Self {
        let listener = Listener::unix(socket).expect("a socket");
        Self {
            listener,
            node: None,
        }
    }

    /// Whether the vote for block `tag` was signed; `None` where no answer came.
    fn ask(&mut self, key: &PublicKey, height: i64, tag: u8) -> Option<bool> {
        let maker = Maker::new(CHAIN.parse().expect("a chain id"));
        let request = maker.prevote(height, 0, Some(tag), 1);
        let bytes = request.sign_bytes();
        let node = match &mut self.node {
            Some(node) => node,
            none => none.insert(self.listener.accept(PATIENCE).expect("the signer dials")),
        };
        match node.ask(&Ask::Sign(request)) {
            Ok(Answer::Signed { signature, .. }) => {
                assert!(key.verify(bytes.as_slice(), &signature));
                Some(true)
            }
            Ok(Answer::Error(_)) => Some(false),
            Ok(other) => panic!("{other:?}"),
            Err(_) => {
                self.node = None;
                None
            }
        }
    }
}

/// What was found out of one kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Died {
    /// The other host could sign something else.
    BeforeEtcdHadIt,
    /// The other host could not, and the node got nothing.
    BetweenEtcdAndReply,
    /// The node has its signature.
    AfterTheReply,
    /// The vote never reached that call again.
    NotAtAll,
}

/// Kills and asks; panics at two signatures.
pub fn run(rig: &mut Rig) {
    let mut sides: Vec<Side> = rig.sockets.iter().map(|socket| Side::at(socket)).collect();
    let (mut killed, mut other) = (sides.remove(0), sides.remove(0));
    let text = fs::read(rig.folder.join("signer0/consensus.key")).expect("the key");
    let key = SoftKey::from_base64(&text, KeyType::Ed25519).expect("a key");
    let key = key.public_key();
    let log = rig.folder.join("strace.log");
    rig.signers[1].start();
    let steps = learn(rig, &mut killed, &key, &log);
    println!(
        "{} system calls of a vote and of what runs beside it",
        steps.len()
    );
    let mut height = 2;
    let mut found: BTreeMap<Died, BTreeSet<&str>> = BTreeMap::new();
    let mut times: BTreeMap<Died, u32> = BTreeMap::new();
    let rounds = std::iter::repeat_n(&steps, ROUNDS).flatten();
    for (name, nth) in rounds {
        let call = format!("{name} no. {nth}");
        rig.signers[0].start();
        height += 1;
        assert_eq!(
            killed.ask(&key, height, 1),
            Some(true),
            "{call}: it goes on"
        );
        height += 1;
        let tracer = attach(
            rig.signers[0].id(),
            &log,
            &format!("inject={name}:signal=KILL:when={nth}"),
        );
        let got = killed.ask(&key, height, 1);
        assert_ne!(got, Some(false), "{call}: the vote was refused");
        let dead = rig.signers[0].is_dead();
        drop(tracer);
        rig.signers[0].kill();
        killed.node = None;
        // The other host has its own wish, and then that of the killed one.
        let theirs = [other.ask(&key, height, 2), other.ask(&key, height, 1)];
        rig.signers[0].start();
        let ours = [killed.ask(&key, height, 2), killed.ask(&key, height, 1)];
        let signed = |answers: &[Option<bool>]| answers.contains(&Some(true));
        let one = signed(&[got, theirs[1], ours[1]]);
        let two = signed(&[theirs[0], ours[0]]);
        assert!(!(one && two), "{call}: two blocks are signed at {height}");
        assert!(one || two, "{call}: nobody signs at {height}");
        let below = killed.ask(&key, height - 1, 3);
        assert_eq!(below, Some(false), "{call}: below the watermark");
        let died = match (got, two) {
            (Some(_), _) if !dead => Died::NotAtAll,
            (Some(_), _) => Died::AfterTheReply,
            (None, true) => Died::BeforeEtcdHadIt,
            (None, false) => Died::BetweenEtcdAndReply,
        };
        found.entry(died).or_default().insert(name);
        *times.entry(died).or_default() += 1;
        rig.signers[0].kill();
        killed.node = None;
    }
    for (died, names) in &found {
        println!("{:4}  {died:?}: {names:?}", times[died]);
    }
    let between = &found[&Died::BetweenEtcdAndReply];
    assert!(
        found.contains_key(&Died::BeforeEtcdHadIt)
            && between.contains("fdatasync")
            && between.contains("pwrite64"),
        "not every step was met"
    );
    println!("no position has two byte strings");
}

/// Names of the calls of a vote, each with the highest number that one thread makes of it, counted down: strace counts for
/// each thread by itself.
fn learn(rig: &mut Rig, side: &mut Side, key: &PublicKey, log: &Path) -> Vec<(String, usize)> {
    rig.signers[0].start();
    assert_eq!(side.ask(key, 1, 1), Some(true));
    let tracer = attach(rig.signers[0].id(), log, "trace=all");
    assert_eq!(side.ask(key, 2, 1), Some(true));
    thread::sleep(Duration::from_millis(50));
    drop(tracer);
    rig.signers[0].kill();
    side.node = None;
    let text = fs::read_to_string(log).expect("strace's log");
    let mut by_thread: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (thread, name) in calls(&text) {
        *by_thread.entry((name, thread)).or_default() += 1;
    }
    let mut steps = BTreeSet::new();
    for ((name, _), count) in by_thread {
        steps.extend((1..=count).map(|nth| (name.to_owned(), nth)));
    }
    steps.into_iter().collect()
}
