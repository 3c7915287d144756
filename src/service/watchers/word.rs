//! What the chain's word does to a chain: a floor, a wait before the first signature, a pause because of a second signer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::{error, info, warn};

use crate::chain::ChainKeys;
use crate::consensus::Height;
use crate::gate::pause::{Pause, PauseFile, PauseWhy};
use crate::gate::word::facts::{GuardAct, GuardFacts};
use crate::gate::word::floor::{FloorHeight, FloorSource};
use crate::gate::word::guard::WordGuard;
use crate::observe::stats::chain::ChainStats;
use crate::observe::stats::precommits::WhosePrecommit;
use crate::os::clock::{Clock, SystemClock};
use crate::rpc::{Sighting, Witness};
use crate::text::count::count;

/// A second signer that goes on is told so often.
const AGAIN: Duration = Duration::from_secs(60);
/// How often a pause is tried that another change holds up, each for some seconds.
const TRIES: usize = 20;

/// Lets a guard look at its chain.
pub(super) struct Warden {
    chain: Arc<ChainKeys>,
    witness: Arc<Witness>,
    guard: Arc<Mutex<WordGuard>>,
    stats: ChainStats,
    pause_file: PauseFile,
    /// When the chain was first seen armed.
    armed: Option<Instant>,
    told: Option<Instant>,
}

impl Warden {
    pub fn new(
        chain: Arc<ChainKeys>,
        witness: Arc<Witness>,
        guard: Arc<Mutex<WordGuard>>,
        stats: ChainStats,
        pause_file: PauseFile,
    ) -> Self {
        Self {
            chain,
            witness,
            guard,
            stats,
            pause_file,
            armed: None,
            told: None,
        }
    }

    /// Looks once. A chain that is not armed signs nothing, so nothing of it is guarded.
    pub fn look(&mut self) {
        let now = Instant::now();
        let witness = &self.witness;
        // In this order: what this signer has signed is in the watermark before it can be in a commit.
        let (first, sightings) = (self.chain.first(), witness.sightings());
        let first = first.map(|first| first.height);
        let signed = witness.latest_signed(now).map(|signed| signed.height);
        let before = match first {
            Some(first) => witness.latest_signed_below(first, now),
            None => signed,
        };
        let is_foreign = |vote: &&Sighting| self.stats.whose(vote) == WhosePrecommit::Foreign;
        let foreign = sightings.iter().filter(is_foreign);
        let foreign = foreign.map(|vote| vote.height).max();
        let (tip, examined) = (witness.tip(now), witness.examined(now));
        // A key that is being opened may be the one that has signed last.
        if self.chain.is_opening() || self.chain.seen().gate.is_none() {
            self.armed = None;
            return;
        }
        let armed = *self.armed.get_or_insert(now);
        let watermark = self.chain.last().map(|last| last.height);
        let facts = GuardFacts {
            armed: now.saturating_duration_since(armed),
            watermark,
            begun: self.chain.begun().map(|begun| begun.height),
            first,
            signed,
            before,
            all_spoke: witness.all_spoke(),
            tip,
            examined,
            sighted: sightings.iter().map(|vote| vote.height).max(),
            foreign,
        };
        let mut guard = self.guard.lock();
        let before = guard.waits();
        let acts = guard.step(&facts);
        drop(guard);
        // A pause or a floor comes before what opens.
        for act in acts {
            self.act(act, watermark, before.is_some());
        }
        // Under its lock: a reload may have said something else meanwhile.
        let guard = self.guard.lock();
        self.chain.wait_for(guard.waits());
    }

    fn act(&mut self, act: GuardAct, watermark: Option<Height>, waited: bool) {
        let id = self.chain.id();
        let last = watermark.map_or_else(|| "nowhere yet".to_owned(), |last| format!("at {last}"));
        match act {
            GuardAct::Floor { height } => {
                self.chain.raise_floor(FloorHeight {
                    height,
                    source: FloorSource::Commits,
                });
                warn!(
                    event = "floor",
                    chain = %id,
                    height = height.get(),
                    "[{id}] the watermark is {last}, and the commits of the chain show votes of this key up to height \
                     {height}: up to there nothing is signed. The state was rolled back, or another signer has this key"
                );
            }
            GuardAct::Behind { signed } => warn!(
                event = "floor",
                chain = %id,
                height = signed.get(),
                "[{id}] the watermark is {last}, and the commits of the chain show votes of this key up to height {signed}: \
                 the state was rolled back, or another signer has this key. Nothing is refused for it; `floor = \"refuse\"` \
                 would refuse up to there"
            ),
            GuardAct::BehindAndSigned {
                begun,
                signed,
                first,
            } => {
                let begun = begun.map_or_else(|| "nowhere yet".to_owned(), |at| format!("at {at}"));
                warn!(
                    event = "floor",
                    chain = %id,
                    height = signed.get(),
                    "[{id}] the watermark was {begun} when this chain was armed, and the commits of the chain show votes of this key \
                     up to height {signed} that were not made here since: the state was rolled back, or another signer has this \
                     key. Signing had begun at height {first} before the nodes of `rpc` said so; `floor = \"refuse\"` waits for \
                     them"
                );
            }
            GuardAct::Unanswered => warn!(
                event = "unheard",
                chain = %id,
                "[{id}] no node of `rpc` has said yet up to which height this key has signed (the line of each that is not used says why){}",
                match waited {
                    true => "; nothing is signed before",
                    false => "; it is signed without that",
                }
            ),
            GuardAct::Open if waited => info!(
                event = "heard",
                chain = %id,
                "[{id}] the chain was heard: signing begins"
            ),
            GuardAct::Open => {}
            GuardAct::OpenUnheard => warn!(
                event = "unheard",
                chain = %id,
                "[{id}] the chain was not heard for a minute, as no node of `rpc` answers, or those that do lag behind: signing begins \
                 although nobody has looked for a second signer with this key all the while"
            ),
            GuardAct::OpenStill => warn!(
                event = "unheard",
                chain = %id,
                "[{id}] the chain has made no block for a minute: signing begins although not all of `doppelganger_blocks` \
                 were watched"
            ),
            GuardAct::Watching(left) => info!(
                event = "watching",
                chain = %id,
                blocks = left,
                "[{id}] nothing is signed yet: {} to be watched for votes of a second signer with this key",
                count(left, "more new block")
            ),
            GuardAct::Second { height, pause } => self.second(height, pause),
        }
    }

    fn second(&mut self, height: Height, pause: bool) {
        let id = self.chain.id();
        let news = self.told.is_none_or(|told| told.elapsed() >= AGAIN);
        let paused = self.chain.paused();
        if paused.is_some_and(|(active, _)| active.pause.forbids(height)) {
            // A hand-over, or what was told before.
            if news {
                self.told = Some(Instant::now());
                info!(
                    event = "signs_elsewhere",
                    chain = %id,
                    height = height.get(),
                    "[{id}] another signer goes on with this key: the commit of height {height} has a vote of it. This one is paused"
                );
            }
            return;
        }
        self.witness.second_signer(height);
        // What is in a commit is not signed again, whatever becomes of the pause.
        self.chain.raise_floor(FloorHeight {
            height,
            source: FloorSource::Commits,
        });
        let unsaved = match pause {
            true => self.pause(height),
            false => None,
        };
        if !news && !pause {
            return;
        }
        self.told = Some(Instant::now());
        let what = match pause {
            true => {
                let unsaved = unsaved.map_or_else(String::new, |why| {
                    format!(" (until this process ends: its file cannot be written: {why})")
                });
                format!(
                    "so this chain is paused{unsaved}. Find that signer and stop it for good. Then take over what it has signed, as \
                     TmkmsSecondSigner in docs/operations.md says, and only then run `{}`",
                    self.pause_file.resume()
                )
            }
            false => "and this one goes on (`doppelganger` is \"warn\"): two signers with one key will double-sign".to_owned(),
        };
        error!(
            event = "second_signer",
            chain = %id,
            height = height.get(),
            "[{id}] ANOTHER SIGNER HAS THIS KEY: the commit of height {height} has a vote of it that was not made here, {what}"
        );
    }

    /// Pauses the chain, and gives why that is not kept over a restart, if so.
    fn pause(&self, height: Height) -> Option<String> {
        let why = format!("another signer has this key: it signed at height {height}");
        let pause = Pause {
            // All of them; named, so that whoever resumes is asked whether nobody else signs.
            from: Some(Height::FIRST),
            why: PauseWhy::new(&why).ok(),
            asked: SystemClock.now().wall,
        };
        // Another change of the pause may hold it up, on a disk that hangs.
        for _ in 0..TRIES {
            if let Some(paused) = self.chain.pause(pause.clone(), &self.pause_file) {
                return paused.change.now.unsaved.clone();
            }
        }
        Some("another change of the pause does not come to its end".to_owned())
    }
}
