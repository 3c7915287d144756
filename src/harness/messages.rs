//! Votes and proposals of a made-up chain, for the demo and the tests.

use crate::consensus::{
    BlockId, ChainId, Extension, Height, PartSetHeader, Precommit, Prevote, Proposal, Round,
    Timestamp,
};
use crate::request::{Echo, Message, SignRequest};

/// Makes requests for one chain. Heights below 1 and negative rounds become the lowest valid ones.
#[derive(Clone, Debug)]
pub struct Maker {
    chain_id: ChainId,
}

impl Maker {
    /// For this chain.
    pub fn new(chain_id: ChainId) -> Self {
        Self { chain_id }
    }

    /// A proposal of the block with this tag.
    pub fn proposal(&self, height: i64, round: i32, tag: u8, seconds: i64) -> SignRequest {
        let (height, round) = at(height, round);
        self.request(Message::Proposal(Proposal {
            height,
            round,
            pol_round: None,
            block: block(tag),
            timestamp: time(seconds),
        }))
    }

    /// A prevote; no tag is nil.
    pub fn prevote(&self, height: i64, round: i32, tag: Option<u8>, seconds: i64) -> SignRequest {
        let (height, round) = at(height, round);
        let block = tag.map(block);
        self.request(Message::Prevote(Prevote {
            height,
            round,
            block,
            timestamp: time(seconds),
        }))
    }

    /// A precommit; no tag is nil, which has no extension.
    pub fn precommit(
        &self,
        height: i64,
        round: i32,
        tag: Option<u8>,
        seconds: i64,
        extension: &[u8],
    ) -> SignRequest {
        let (height, round) = at(height, round);
        let extension = Extension {
            data: extension.to_vec(),
            skip: false,
        };
        let block = tag.map(|tag| (block(tag), extension));
        self.request(Message::Precommit(Precommit {
            height,
            round,
            block,
            timestamp: time(seconds),
        }))
    }

    fn request(&self, message: Message) -> SignRequest {
        SignRequest {
            chain_id: self.chain_id.clone(),
            message,
            echo: Echo::default(),
        }
    }
}

fn at(height: i64, round: i32) -> (Height, Round) {
    (
        Height::new(height).unwrap_or(Height::FIRST),
        Round::new(round).unwrap_or(Round::FIRST),
    )
}

fn block(tag: u8) -> BlockId {
    BlockId {
        hash: [tag; 32],
        parts: PartSetHeader {
            total: 1,
            hash: [tag.wrapping_add(1); 32],
        },
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}
