//! Frames to requests.

use prost::Message as _;

use crate::consensus::ChainId;
use crate::request::{
    Asked, Echo, Invalid, InvalidInput, Message, RawRequest, Request, SignRequest,
};

use super::convert;
use super::messages::{Envelope, NodeInfo, Sum};

/// A frame that cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not a protobuf of the privval schema.
    #[error("a frame that is not a privval message ({0})")]
    Undecodable(String),
    /// It is a privval message that is not a request.
    #[error("a privval message that has no reply ({0})")]
    NoRequest(&'static str),
    /// It is what nodes tell each other first.
    #[error("what nodes tell their peers first (NodeInfo)")]
    NodeInfo,
}

/// Reads one frame.
pub fn decode(frame: &[u8]) -> Result<Request, Malformed> {
    read(frame).map_err(|malformed| match is_node_info(frame) {
        true => Malformed::NodeInfo,
        false => malformed,
    })
}

/// Whether a frame is a `DefaultNodeInfo` of CometBFT (`proto/tendermint/p2p/types.proto`), by which a node greets its
/// peers. Asked of what is no request only.
fn is_node_info(frame: &[u8]) -> bool {
    let id = |info: &NodeInfo| {
        info.default_node_id.len() == 40
            && info
                .default_node_id
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit())
    };
    NodeInfo::decode(frame).is_ok_and(|info| id(&info))
}

fn read(frame: &[u8]) -> Result<Request, Malformed> {
    let envelope =
        Envelope::decode(frame).map_err(|error| Malformed::Undecodable(error.to_string()))?;
    match envelope.sum {
        Some(Sum::PingRequest(_)) => Ok(Request::Ping),
        Some(Sum::PubKeyRequest(request)) => Ok(Request::PublicKey {
            chain_id: ChainId::read(&request.chain_id),
        }),
        Some(Sum::SignVoteRequest(request)) => {
            let read = |vote| convert::read_vote(vote, request.skip_extension_signing);
            let vote = request
                .vote
                .ok_or(InvalidInput::Missing("vote"))
                .and_then(read);
            Ok(sign(Asked::Vote, &request.chain_id, vote))
        }
        Some(Sum::SignProposalRequest(request)) => {
            let read = |proposal| Ok((convert::read_proposal(proposal)?, Echo::default()));
            let proposal = request
                .proposal
                .ok_or(InvalidInput::Missing("proposal"))
                .and_then(read);
            Ok(sign(Asked::Proposal, &request.chain_id, proposal))
        }
        Some(Sum::SignBytesRequest(request)) => Ok(Request::SignRaw(RawRequest {
            first: request.first,
            second: request.second,
            third: request.third,
        })),
        Some(Sum::PubKeyResponse(_)) => Err(Malformed::NoRequest("PubKeyResponse")),
        Some(Sum::SignedVoteResponse(_)) => Err(Malformed::NoRequest("SignedVoteResponse")),
        Some(Sum::SignedProposalResponse(_)) => Err(Malformed::NoRequest("SignedProposalResponse")),
        Some(Sum::PingResponse(_)) => Err(Malformed::NoRequest("PingResponse")),
        Some(Sum::SignBytesResponse(_)) => Err(Malformed::NoRequest("SignBytesResponse")),
        None => Err(Malformed::NoRequest(
            "an empty message or one of an unknown type",
        )),
    }
}

fn sign(asked: Asked, chain_id: &[u8], read: Result<(Message, Echo), InvalidInput>) -> Request {
    let chain_id = ChainId::read(chain_id).map_err(InvalidInput::ChainId);
    match chain_id.and_then(|chain_id| read.map(|(message, echo)| (chain_id, message, echo))) {
        Ok((chain_id, message, echo)) => Request::Sign(SignRequest {
            chain_id,
            message,
            echo,
        }),
        Err(problem) => Request::Invalid(Invalid { asked, problem }),
    }
}
