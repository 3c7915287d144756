//! What the chain's word does to a chain: a floor, a wait before the first signature, a pause because of a second signer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::{error, info, warn};

use crate::chain::ChainKeys;
use crate::consensus::Height;
use crate::gate::pause::{Pause, PauseFile, PauseWhy};
use crate::gate::word::floor::{FloorHeight, FloorSource};
use crate::gate::word::guard::{GuardAct, GuardFacts, WordGuard};
use crate::os::clock::{Clock, SystemClock};
use crate::rpc::Witness;

/// A second signer that goes on is told so often.
const AGAIN: Duration = Duration::from_secs(60);

/// Lets a guard look at its chain.
pub(super) struct Warden {
    chain: Arc<ChainKeys>,
    witness: Arc<Witness>,
    guard: Arc<Mutex<WordGuard>>,
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
        pause_file: PauseFile,
    ) -> Self {
        Self {
            chain,
            witness,
            guard,
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
        let (signed, sighted) = (witness.latest_signed(now), witness.sighted());
        let (tip, examined) = (witness.tip(now), witness.examined(now));
        let Some(gate) = self.chain.seen().gate else {
            self.armed = None;
            return;
        };
        let armed = *self.armed.get_or_insert(now);
        let watermark = self.chain.last().map(|last| last.height);
        let facts = GuardFacts {
            armed: now.saturating_duration_since(armed),
            watermark,
            reach: watermark.and_then(|last| reach(last, gate.tokens)),
            tip,
            examined,
            signed: signed.map(|signed| signed.height),
            sighted,
        };
        let mut guard = self.guard.lock();
        let before = guard.waits();
        let acts = guard.step(&facts);
        let waits = guard.waits();
        drop(guard);
        // A pause or a floor comes before what opens.
        for act in acts {
            self.act(act, watermark, before.is_some());
        }
        self.chain.wait_for(waits);
    }

    fn act(&mut self, act: GuardAct, watermark: Option<Height>, waited: bool) {
        let id = self.chain.id();
        let last = watermark.map_or_else(|| "nowhere yet".to_owned(), |last| format!("at {last}"));
        match act {
            GuardAct::Floor { height, clipped } => {
                self.chain.raise_floor(FloorHeight {
                    height,
                    source: FloorSource::Commits,
                });
                let clipped = clipped.map_or_else(String::new, |signed| {
                    format!(
                        " (they say {signed}, which is more than `max_gap` lets anybody forbid)"
                    )
                });
                warn!(
                    event = "floor",
                    chain = %id,
                    height = height.get(),
                    "[{id}] the watermark is {last}, and the commits of the chain show votes of this key up to height \
                     {height}{clipped}: up to there nothing is signed. The state was rolled back, or another signer has this key"
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
            GuardAct::Unanswered => warn!(
                event = "unheard",
                chain = %id,
                "[{id}] no node of `rpc` has said yet up to which height this key has signed{}",
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
                "[{id}] no node of `rpc` has answered for a minute: signing begins although nobody has looked for a second \
                 signer with this key"
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
                "[{id}] nothing is signed yet: {left} more new blocks are watched for votes of a second signer with this key"
            ),
            GuardAct::Second { height, pause } => self.second(height, pause),
        }
    }

    fn second(&mut self, height: Height, pause: bool) {
        self.witness.second_signer(height);
        let id = self.chain.id();
        let news = self.told.is_none_or(|told| told.elapsed() >= AGAIN);
        if !news && !pause {
            return;
        }
        self.told = Some(Instant::now());
        let resume = self.pause_file.resume();
        let what = match pause {
            true => format!(
                "so this chain is paused. Find that signer and stop it for good; then `{resume}` lets this one sign again"
            ),
            false => "and this one goes on (`doppelganger` is \"warn\"): two signers with one key will double-sign"
                .to_owned(),
        };
        error!(
            event = "second_signer",
            chain = %id,
            height = height.get(),
            "[{id}] ANOTHER SIGNER HAS THIS KEY: the commit of height {height} has a vote of it that was not made here, {what}"
        );
        if pause {
            let why = format!("another signer has this key: it signed at height {height}");
            let pause = Pause {
                from: None,
                why: PauseWhy::new(&why).ok(),
                asked: SystemClock.now().wall,
            };
            // Obeyed even where its file cannot be written.
            let _ = self.chain.pause(pause, &self.pause_file);
        }
    }
}

fn reach(last: Height, tokens: u64) -> Option<Height> {
    let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
    Height::new(last.get().saturating_add(tokens))
}
