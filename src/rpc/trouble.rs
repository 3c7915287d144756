//! Why an endpoint is not used at the moment.

use crate::consensus::ChainId;

/// Why an endpoint is not used. Texts that it sent are cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RpcTrouble {
    /// No answer, or none in time, or one that is too long.
    #[error("{0}")]
    NoAnswer(String),
    /// An HTTP status that a node's RPC does not give.
    #[error("it answers with HTTP status {0}; {remedy}", remedy = remedy(*.0))]
    Status(u16),
    /// What came is not what a node's RPC answers.
    #[error(
        "what answers there is not the RPC of a CometBFT node ({0}); `rpc` must name the node's RPC address, usually port 26657"
    )]
    NotRpc(&'static str),
    /// The node itself says that it cannot answer.
    #[error("the node says: {0}")]
    Said(String),
    /// A node of another chain.
    #[error(
        "it is a node of {found}, not of {wanted}, and is not used; correct `rpc` of this [[chain]]"
    )]
    OtherChain {
        /// What it says.
        found: String,
        /// The chain of the configuration.
        wanted: ChainId,
    },
    /// A signature stands under our address that our key did not make.
    #[error(
        "it shows a signature of our validator at height {0} that our key did not make, and is believed in nothing until tmkms is restarted or `rpc` changes; find out who runs it"
    )]
    Forged(i64),
}

/// What to do about an HTTP status that a node itself does not give.
fn remedy(status: u16) -> &'static str {
    match status {
        300..=399 => "redirects are not followed: write the address that it leads to in `rpc`",
        401 | 403 => {
            "it wants to know who asks: write `https://USER:PASSWORD@HOST`, or the path with its token"
        }
        404 | 405 => "there is no RPC at this path: write the one that its operator names",
        429 => {
            "it is asked too often for its limit (a question a second and one a block; thirty a second for some minutes after a start): name another node"
        }
        500.. => {
            "what stands before the node does not reach it: look at the node, and at its proxy"
        }
        _ => "a node's RPC gives none: `rpc` must name the node's RPC address, usually port 26657",
    }
}
