//! Between the protobuf shapes and the values of `consensus`: lossless where valid, an
//! [`InvalidInput`] where not (W10).

use crate::consensus::{
    BlockId, Extension, Height, Precommit, Prevote, Proposal, Round, Timestamp,
};
use crate::request::{Echo, InvalidInput, Message};

use super::messages;

const PREVOTE: i64 = 1;
const PRECOMMIT: i64 = 2;
const PROPOSAL: i64 = 32;

/// Go's zero time: what an absent timestamp means to CometBFT (`gogoproto.stdtime`, not nullable).
const GO_ZERO_TIME: Timestamp = Timestamp {
    seconds: -62_135_596_800,
    nanos: 0,
};

/// The longest `validator_address` that is echoed; a longer one is none, and the node does not read it.
const ADDRESS: usize = 20;

pub(super) fn read_vote(vote: messages::Vote, skip: bool) -> Result<(Message, Echo), InvalidInput> {
    let height = height(vote.height)?;
    let round = round(vote.round)?;
    let block = block_id(vote.block_id)?;
    let timestamp = timestamp(vote.timestamp)?;
    let echo = Echo {
        validator_address: if vote.validator_address.len() <= ADDRESS {
            vote.validator_address
        } else {
            Vec::new()
        },
        validator_index: narrow("validator_index", vote.validator_index)?,
    };
    let message = match (vote.kind, block) {
        (PREVOTE, _) if !vote.extension.is_empty() => {
            return Err(InvalidInput::Extension("prevote"));
        }
        (PREVOTE, block) => Message::Prevote(Prevote {
            height,
            round,
            block,
            timestamp,
        }),
        (PRECOMMIT, None) if !vote.extension.is_empty() => {
            return Err(InvalidInput::Extension("nil precommit"));
        }
        (PRECOMMIT, block) => {
            let extension = Extension {
                data: vote.extension,
                skip,
            };
            let block = block.map(|block| (block, extension));
            Message::Precommit(Precommit {
                height,
                round,
                block,
                timestamp,
            })
        }
        (other, _) => return Err(InvalidInput::VoteType(other)),
    };
    Ok((message, echo))
}

pub(super) fn read_proposal(proposal: messages::Proposal) -> Result<Message, InvalidInput> {
    if proposal.kind != PROPOSAL {
        return Err(InvalidInput::ProposalType(proposal.kind));
    }
    Ok(Message::Proposal(Proposal {
        height: height(proposal.height)?,
        round: round(proposal.round)?,
        pol_round: match proposal.pol_round {
            -1 => None,
            other => {
                let round = i32::try_from(other).ok().and_then(Round::new);
                Some(round.ok_or(InvalidInput::PolRound(other))?)
            }
        },
        block: block_id(proposal.block_id)?.ok_or(InvalidInput::NilProposal)?,
        timestamp: timestamp(proposal.timestamp)?,
    }))
}

/// The vote in a request or reply. `extension` says whether its data goes along.
pub(super) fn write_vote(
    message: &Message,
    echo: &Echo,
    timestamp: Timestamp,
    extension: bool,
) -> Option<messages::Vote> {
    let (kind, height, round, block) = match message {
        Message::Prevote(vote) => (PREVOTE, vote.height, vote.round, vote.block.as_ref()),
        Message::Precommit(vote) => (
            PRECOMMIT,
            vote.height,
            vote.round,
            vote.block.as_ref().map(|(block, _)| block),
        ),
        Message::Proposal(_) => return None,
    };
    let data = match message {
        Message::Precommit(Precommit {
            block: Some((_, found)),
            ..
        }) if extension => found.data.clone(),
        _ => Vec::new(),
    };
    Some(messages::Vote {
        kind,
        height: height.get(),
        round: round.get().into(),
        // Not nullable in the schema, so Go writes it even when it is nil.
        block_id: Some(block.map_or_else(nil_block_id, write_block_id)),
        timestamp: Some(write_time(timestamp)),
        validator_address: echo.validator_address.clone(),
        validator_index: echo.validator_index.into(),
        signature: Vec::new(),
        extension: data,
        extension_signature: Vec::new(),
    })
}

pub(super) fn write_proposal(proposal: &Proposal, timestamp: Timestamp) -> messages::Proposal {
    messages::Proposal {
        kind: PROPOSAL,
        height: proposal.height.get(),
        round: proposal.round.get().into(),
        pol_round: proposal.pol_round.map_or(-1, |round| round.get().into()),
        block_id: Some(write_block_id(&proposal.block)),
        timestamp: Some(write_time(timestamp)),
        signature: Vec::new(),
    }
}

/// What stands where a vote is required and there is none: Go's `Vote{}` with its not nullable fields.
pub(super) fn empty_vote() -> messages::Vote {
    messages::Vote {
        block_id: Some(nil_block_id()),
        timestamp: Some(write_time(GO_ZERO_TIME)),
        ..Default::default()
    }
}

/// What stands where a proposal is required and there is none.
pub(super) fn empty_proposal() -> messages::Proposal {
    messages::Proposal {
        block_id: Some(nil_block_id()),
        timestamp: Some(write_time(GO_ZERO_TIME)),
        ..Default::default()
    }
}

fn height(height: i64) -> Result<Height, InvalidInput> {
    Height::new(height).ok_or(InvalidInput::Height(height))
}

fn round(round: i64) -> Result<Round, InvalidInput> {
    i32::try_from(round)
        .ok()
        .filter(|round| *round <= Round::MAX_REQUESTED)
        .and_then(Round::new)
        .ok_or(InvalidInput::Round(round))
}

fn narrow(field: &'static str, value: i64) -> Result<i32, InvalidInput> {
    i32::try_from(value).map_err(|_| InvalidInput::Wide { field, value })
}

fn block_id(block: Option<messages::BlockId>) -> Result<Option<BlockId>, InvalidInput> {
    let block = block.unwrap_or_default();
    let parts = block.parts.unwrap_or_default();
    let total = u32::try_from(parts.total).map_err(|_| InvalidInput::Wide {
        field: "number of parts",
        value: i64::try_from(parts.total).unwrap_or(i64::MAX),
    })?;
    Ok(BlockId::from_parts(&block.hash, total, &parts.hash)?)
}

fn timestamp(time: Option<messages::Time>) -> Result<Timestamp, InvalidInput> {
    let Some(time) = time else {
        return Ok(GO_ZERO_TIME);
    };
    let seconds = time.seconds;
    let read = i32::try_from(time.nanos).map(|nanos| Timestamp { seconds, nanos });
    read.ok()
        .filter(Timestamp::is_of_a_node)
        .ok_or(InvalidInput::Time {
            seconds,
            nanos: time.nanos,
        })
}

fn nil_block_id() -> messages::BlockId {
    messages::BlockId {
        hash: Vec::new(),
        parts: Some(messages::PartSetHeader::default()),
    }
}

fn write_block_id(block: &BlockId) -> messages::BlockId {
    messages::BlockId {
        hash: block.hash.to_vec(),
        parts: Some(messages::PartSetHeader {
            total: block.parts.total.into(),
            hash: block.parts.hash.to_vec(),
        }),
    }
}

fn write_time(timestamp: Timestamp) -> messages::Time {
    messages::Time {
        seconds: timestamp.seconds,
        nanos: timestamp.nanos.into(),
    }
}
