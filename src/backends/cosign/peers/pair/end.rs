//! Why there is no link to a member, or no more, in words about members.

use crate::link::LinkError;

use crate::backends::cosign::peers::wire::{HelloError, PeerMessageError};

/// Why there is no link to a member, or no more.
#[derive(Debug, thiserror::Error)]
pub(in crate::backends::cosign::peers) enum LinkEnd {
    /// The link itself.
    #[error("{}", words(.0))]
    Link(#[from] LinkError),
    /// It closed the link before it said anything.
    #[error(
        "it closed the link before it said who it is: it does not know the peer id of this member, or dials it itself; compare the \
         [[providers.cosign.members]] of both hosts, which have to be the same"
    )]
    Unheard,
    /// It sent what is no message.
    #[error("it sent {0}; bring tmkms to the same version on both hosts")]
    Message(#[from] PeerMessageError),
    /// It sent what may not come there.
    #[error("it sent a message out of turn; bring tmkms to the same version on both hosts")]
    OutOfTurn,
    /// It sends without end.
    #[error("it sent more than {0} messages within a second")]
    Flood(u32),
    /// It takes nothing.
    #[error("it takes nothing of what is sent to it")]
    Full,
    /// It is not the one that the configuration names.
    #[error("{0}")]
    Hello(#[from] HelloError),
    /// It said why.
    #[error("it ended the link and says: {0}")]
    Told(String),
    /// Its other process is there.
    #[error(
        "member {0} runs twice: another process with its identity and its share is linked and answers; stop one of them, because a \
         share on two hosts is a member that may sign twice"
    )]
    Twice(u16),
    /// Whether it runs twice is being found out.
    #[error(
        "the link that member {0} had before still answers; if it goes on like that, the member runs twice"
    )]
    Examined(u16),
    /// A newer link of the same member came.
    #[error("it came with a new link")]
    Replaced,
    /// This process ends, or reads its configuration again.
    #[error("this member ends its links")]
    Stopped,
    /// No thread for it.
    #[error(
        "this host has no room for another thread ({0}); look at the limits of processes and memory of the service"
    )]
    Thread(std::io::Error),
    /// A bug of ours.
    #[error("a bug in tmkms ended this link; please report the line above that says where")]
    Bug,
}

impl LinkEnd {
    /// A stable word for the log.
    pub(in crate::backends::cosign::peers) fn code(&self) -> &'static str {
        match self {
            Self::Link(error) => error.code(),
            Self::Unheard => "unheard",
            Self::Message(_) | Self::OutOfTurn => "message",
            Self::Flood(_) => "flood",
            Self::Full => "not_taken",
            Self::Hello(error) => error.code(),
            Self::Told(_) => "told",
            Self::Twice(_) => "twice",
            Self::Examined(_) => "examined",
            Self::Replaced => "replaced",
            Self::Stopped => "stopped",
            Self::Thread(_) => "thread",
            Self::Bug => "bug",
        }
    }
}

/// What links say of nodes, said of a member.
fn words(error: &LinkError) -> String {
    let seconds = |time: &std::time::Duration| time.as_secs_f32();
    match error {
        LinkError::Resolve { host, source } => format!(
            "the name {host} cannot be resolved ({source}); look at this host's DNS, or correct `addr` of this \
             [[providers.cosign.members]] and reload tmkms"
        ),
        LinkError::Connect(why) => {
            format!("cannot connect: {why}; is tmkms up there, and is this its `listen`?")
        }
        LinkError::ConnectTimeout(time) => format!(
            "no answer to the connect within {} s; is the host up, and does a firewall stand in between?",
            seconds(time)
        ),
        LinkError::HandshakeTimeout(time) => format!(
            "the handshake was not done after {} s; is this the address of its `listen`?",
            seconds(time)
        ),
        LinkError::HandshakeClosed => {
            "it closed the link during the handshake; is this the address of its `listen`?".to_owned()
        }
        LinkError::Handshake(why) => {
            format!("the handshake failed: {why}; is this the address of its `listen`?")
        }
        LinkError::NotPrivval(_) | LinkError::NoiseListener | LinkError::PeerPort => {
            "something else than tmkms answers there; correct `addr` of this [[providers.cosign.members]] and reload tmkms".to_owned()
        }
        LinkError::WrongPeer { expected, found } => format!(
            "who answers there is {found}, not {expected} as `addr` says; if the member has a new identity key, correct `addr` of its \
             [[providers.cosign.members]] on all hosts and reload tmkms; if not, something else listens there"
        ),
        LinkError::HalfFrame(time) => {
            format!("it sent a part of a message and no more for {} s", seconds(time))
        }
        LinkError::Silent(time) => format!(
            "it was silent for {} s, though members ping each other every second: its host is stuck, or the way to it is",
            seconds(time)
        ),
        LinkError::Vanished => {
            "its host answers nothing any more: it is down, or the way to it is".to_owned()
        }
        LinkError::NotTaken(time) => {
            format!("it did not take a message within {} s", seconds(time))
        }
        LinkError::Closed => "it closed the link".to_owned(),
        LinkError::ClosedInFrame => "it closed the link in the middle of a message".to_owned(),
        LinkError::Frame(_)
        | LinkError::Sealed(_)
        | LinkError::Io(_)
        // Of other links than these, or of strangers.
        | LinkError::UnknownPeer(_)
        | LinkError::NoIdentity
        | LinkError::InLine(_)
        | LinkError::WrongNode { .. }
        | LinkError::OwnId(_)
        | LinkError::NotAdmitted(_)
        | LinkError::Noise(_)
        | LinkError::NoiseFrame(_)
        | LinkError::SecretConnectionListener => error.to_string(),
    }
}
