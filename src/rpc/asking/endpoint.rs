//! Asks one endpoint: one turn a second.

use std::time::{Duration, Instant};

use subtle_encoding::hex;

use crate::consensus::{ChainId, Height, PublicKey};
use crate::rpc::address::{RpcAddress, RpcSettings};
use crate::rpc::agreement::Word;
use crate::rpc::answers::{
    CommitAnswer, LONGEST_RECORD, LONGEST_STATUS, NodeStatus, longest_commit, read_commit,
    read_slashing, read_status,
};
use crate::rpc::standing::{SlashingRecord, ValidatorStanding, store_key};
use crate::rpc::trouble::RpcTrouble;
use crate::rpc::vote::VoteInCommit;
use crate::rpc::witness::Witness;

use super::client::RpcClient;
use super::place::{PlaceFound, PlaceSearch};

/// How often the voting power is asked for while our votes are in the commits.
const POWER_EVERY: Duration = Duration::from_secs(60);
/// How long commits and pages of validators are asked for in one turn; what is left is asked for in the next. An answer is news for ten seconds.
const TURN: Duration = Duration::from_secs(4);
/// When votes far below are looked for again, where that question was not answered.
const LATER: Duration = Duration::from_secs(60);

/// One endpoint of a chain, asked by one thread.
pub struct Endpoint {
    index: usize,
    chain: ChainId,
    client: RpcClient,
    /// Where we stand in the sets of validators.
    place: PlaceSearch,
    /// When the voting power was asked for last.
    asked_power: Option<Instant>,
    /// When it left a question for a commit far below unanswered.
    gave_up_below: Option<Instant>,
}

/// Our public keys, as far as they are known.
pub struct OurKeys<'a> {
    /// The one of the next height.
    pub now: Option<PublicKey>,
    /// The one that signs at a height: the key of a chain may change.
    pub at: &'a dyn Fn(Height) -> Option<PublicKey>,
    /// The watermark with which the chain was armed: below it nothing has to be found out.
    pub begun: Option<Height>,
    /// The first height that was signed here since.
    pub first: Option<Height>,
    /// Whether votes of ours below the newest blocks are looked for.
    pub looks_back: bool,
}

/// What a turn has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It failed, and did not before or in another way.
    Failed(RpcTrouble),
    /// It works, and had failed before.
    Recovered,
    /// Nothing new.
    Same,
}

impl Endpoint {
    /// One for each address of the settings.
    pub fn all(settings: &RpcSettings, chain: &ChainId) -> Vec<Self> {
        let addresses = settings.endpoints.iter().enumerate();
        let endpoint = |(index, address): (usize, &RpcAddress)| Self {
            index,
            chain: chain.clone(),
            client: RpcClient::new(address, settings.ca_file.as_deref()),
            place: PlaceSearch::default(),
            asked_power: None,
            gave_up_below: None,
        };
        addresses.map(endpoint).collect()
    }

    /// Scheme, host and port.
    pub fn name(&self) -> String {
        self.client.name()
    }

    /// One turn: how the node is, and the commits that the witness wants, until `ended`.
    pub fn turn(
        &mut self,
        keys: &OurKeys<'_>,
        witness: &Witness,
        ended: &dyn Fn() -> bool,
    ) -> Turn {
        match self.ask_all(keys, witness, ended) {
            Ok(()) if witness.works(self.index) => Turn::Recovered,
            Ok(()) => Turn::Same,
            Err(trouble) => match witness.failed(self.index, trouble.clone()) {
                true => Turn::Failed(trouble),
                false => Turn::Same,
            },
        }
    }

    /// How the node is, for a look of its own.
    ///
    /// # Errors
    /// [`RpcTrouble`].
    pub fn status(&mut self) -> Result<NodeStatus, RpcTrouble> {
        let body = self.client.get("/status", LONGEST_STATUS)?;
        read_status(&body, &self.chain)
    }

    fn ask_all(
        &mut self,
        keys: &OurKeys<'_>,
        witness: &Witness,
        ended: &dyn Fn() -> bool,
    ) -> Result<(), RpcTrouble> {
        let status = self.status()?;
        let latest = status.latest;
        let began = Instant::now();
        witness.answered(self.index, status, began);
        witness.first_signed(self.index, keys.first);
        let over = || ended() || began.elapsed() >= TURN;
        let Some(now) = keys.now.clone() else {
            return Ok(());
        };
        for height in witness.wanted(self.index, Instant::now()) {
            let Some(height) = Height::new(height).filter(|_| !over()) else {
                break;
            };
            let Some(key) = (keys.at)(height) else {
                break;
            };
            let word = match self.commit(height, &key) {
                // What it has merely seen may change with the next block.
                Ok(commit) if !commit.canonical => break,
                Ok(commit) => match commit.vote {
                    VoteInCommit::Signed(sighting) => Some(Word::Signed(sighting)),
                    VoteInCommit::Nothing => {
                        let hash = &commit.validators;
                        match self.place.at(&mut self.client, height, hash, &key, &over) {
                            Ok(PlaceFound::At(ValidatorStanding::Power(_))) => Some(Word::Absent),
                            Ok(PlaceFound::At(ValidatorStanding::Outside)) => Some(Word::Outside),
                            Ok(PlaceFound::NotYet) => break,
                            // It does not know that set any more.
                            Err(RpcTrouble::Said(_)) => None,
                            Err(trouble) => return Err(trouble),
                        }
                    }
                    VoteInCommit::Forged => return Err(RpcTrouble::Forged(height.get())),
                },
                // A node that has thrown old blocks away has no word on them.
                Err(RpcTrouble::Said(_)) => None,
                Err(trouble) => return Err(trouble),
            };
            witness.said(self.index, height, word, Instant::now());
        }
        self.look_at_power(latest, &now, witness, &over)?;
        match keys.looks_back {
            true => self.look_deeper(keys, witness, &over),
            false => Ok(()),
        }
    }

    /// Looks for our last vote below the newest blocks. What is not there says nothing, and what is not answered is asked for later: a
    /// node may have good reasons to answer for its newest blocks only.
    fn look_deeper(
        &mut self,
        keys: &OurKeys<'_>,
        witness: &Witness,
        over: &dyn Fn() -> bool,
    ) -> Result<(), RpcTrouble> {
        if self.gave_up_below.is_some_and(|at| at.elapsed() < LATER) {
            return Ok(());
        }
        for height in witness.deeper(self.index, keys.begun, Instant::now()) {
            let Some(height) = Height::new(height).filter(|_| !over()) else {
                break;
            };
            let Some(key) = (keys.at)(height) else {
                break;
            };
            let vote = match self.commit(height, &key).map(|commit| commit.vote) {
                Ok(VoteInCommit::Signed(vote)) => Some(vote),
                Ok(VoteInCommit::Forged) => return Err(RpcTrouble::Forged(height.get())),
                Ok(VoteInCommit::Nothing) | Err(RpcTrouble::Said(_)) => None,
                Err(_) => {
                    self.gave_up_below = Some(Instant::now());
                    break;
                }
            };
            witness.said_below(self.index, height, vote.as_ref());
            if vote.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn commit(&mut self, height: Height, key: &PublicKey) -> Result<CommitAnswer, RpcTrouble> {
        let longest = longest_commit(key.key_type());
        let question = format!("/commit?height={height}");
        let body = self.client.get(&question, longest)?;
        read_commit(&body, &self.chain, height, key)
    }

    /// Our place in the newest set of validators, once a minute.
    fn look_at_power(
        &mut self,
        latest: i64,
        key: &PublicKey,
        witness: &Witness,
        over: &dyn Fn() -> bool,
    ) -> Result<(), RpcTrouble> {
        let due = self
            .asked_power
            .is_none_or(|at| at.elapsed() >= POWER_EVERY);
        // A node without a block has no set of validators.
        let Some(latest) = Height::new(latest).filter(|_| due && !over()) else {
            return Ok(());
        };
        match self.place.newest(&mut self.client, latest, key, over) {
            Ok(PlaceFound::At(standing)) => {
                self.asked_power = Some(Instant::now());
                let slashing = match standing {
                    ValidatorStanding::Power(_) => None,
                    ValidatorStanding::Outside => self.slashing(key),
                };
                witness.stands(self.index, standing, slashing);
            }
            // One behind a distributor may not have the block yet.
            Ok(PlaceFound::NotYet) | Err(RpcTrouble::Said(_)) => {}
            Err(trouble) => {
                self.asked_power = Some(Instant::now());
                return Err(trouble);
            }
        }
        Ok(())
    }

    /// What the application knows of us. Whatever is wrong with that answer says nothing about the node.
    fn slashing(&mut self, key: &PublicKey) -> Option<SlashingRecord> {
        let digits = hex::encode_upper(store_key(key.address().as_bytes()));
        let digits = String::from_utf8(digits).ok()?;
        let question = format!("/abci_query?path=%22/store/slashing/key%22&data=0x{digits}");
        let body = self.client.get(&question, LONGEST_RECORD).ok()?;
        read_slashing(&body, key).ok().flatten()
    }
}
