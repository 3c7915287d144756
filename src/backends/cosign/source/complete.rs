//! This member's share and what the configuration says of all members, held against each other.

use base64ct::{Base64, Encoding};

use crate::backends::cosign::settings::{CosignSettings, Members};
use crate::link::PeerId;
use crate::shares::{KeyShare, KeyShareError, PublicSharesError};

/// Why the `members` of a section are not those of its share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CosignConfigError {
    /// Members without a section.
    #[error(
        "it is one of {members}, and {} {} no [[providers.cosign.members]]; add one for every member",
        Members(missing), if missing.len() == 1 { "has" } else { "have" }
    )]
    MissingMembers {
        /// So many members the share has.
        members: u16,
        /// Their ids.
        missing: Vec<u16>,
    },
    /// Sections of members that there are not.
    #[error(
        "it is one of {members}, and there is a [[providers.cosign.members]] of member {id}; remove it, or bring the share of the new \
         splitting"
    )]
    NoSuchMember {
        /// So many members the share has.
        members: u16,
        /// As the section has it.
        id: u16,
    },
    /// The share's own line is another share's.
    #[error(
        "it is the share of member {id}, whose `public_share` has to be {own}, and {said} stands there: correct that line, or bring \
         the share that it is of"
    )]
    OtherOwnShare {
        /// Whose it is.
        id: u16,
        /// Of the file, in base64.
        own: String,
        /// Of the configuration, in base64.
        said: String,
    },
    /// The file and the section differ about another member.
    #[error(
        "it says that the public share of member {id} is {known}, and the configuration says {said}: one of the two is of another \
         key or another splitting"
    )]
    OtherPublicShare {
        /// Whose.
        id: u16,
        /// Of the file, in base64.
        known: String,
        /// Of the configuration, in base64.
        said: String,
    },
    /// Nobody says what their public shares are.
    #[error(
        "it does not say what the public shares of {} are, as shares from horcrux do not; write the `public_share` that \
         `cosign import` printed on each of their hosts into their [[providers.cosign.members]]",
        Members(.0)
    )]
    MissingPublicShares(Vec<u16>),
    /// A public share that does not belong to the key.
    #[error(
        "the `public_share` of member {0} does not belong to the others and the public key: correct that line with what was printed \
         on its host"
    )]
    StrangePublicShare(u16),
    /// All together are another key's.
    #[error(
        "the public shares of the configuration are those of another key: correct them with what was printed on each host, or bring \
         the share of that key"
    )]
    OtherKey,
    /// The number that are needed is wrong.
    #[error(
        "it says that {0} of its key are needed, and fewer give the key already: import it again with the `-t` of the splitting"
    )]
    OtherThreshold(u16),
    /// The others would turn this member away.
    #[error(
        "it is the share of member {id}, and the other members would turn this one away: the peer id of its identity key is {own}, \
         and the `addr` of member {id} has {said}; {}",
        remedy(*other)
    )]
    OtherIdentity {
        /// Whose share it is.
        id: u16,
        /// That of the key in `secret_key`.
        own: PeerId,
        /// That of the line.
        said: PeerId,
        /// The member whose line has the own one.
        other: Option<u16>,
    },
}

fn remedy(other: Option<u16>) -> String {
    match other {
        Some(other) => format!(
            "it is that of member {other}, so `share` and `secret_key` are of two members: bring both of one"
        ),
        None => {
            "name the right key as `secret_key`, or correct the `addr` in the files of all members"
                .to_owned()
        }
    }
}

/// The share with the public shares of all members: those of its own file, and those that the configuration adds. `identity` is
/// the peer id of this member's identity key.
///
/// # Errors
/// The `members` of the section are not those of the share, in number, public shares or identity.
pub fn complete(
    share: KeyShare,
    settings: &CosignSettings,
    identity: PeerId,
) -> Result<KeyShare, CosignConfigError> {
    let (id, quorum) = (share.id(), share.quorum());
    let members = quorum.members();
    let missing = (1..=members).filter(|id| settings.member(*id).is_none());
    let missing: Vec<u16> = missing.collect();
    if !missing.is_empty() {
        return Err(CosignConfigError::MissingMembers { members, missing });
    }
    let mut all = share.public_shares().clone();
    for member in &settings.members {
        if member.id > members {
            return Err(CosignConfigError::NoSuchMember {
                members,
                id: member.id,
            });
        }
        let Some(said) = member.public_share else {
            continue;
        };
        match all.get(member.id) {
            Some(known) if *known == said => {}
            Some(known) if member.id == id => {
                return Err(CosignConfigError::OtherOwnShare {
                    id,
                    own: Base64::encode_string(known),
                    said: Base64::encode_string(&said),
                });
            }
            Some(known) => {
                return Err(CosignConfigError::OtherPublicShare {
                    id: member.id,
                    known: Base64::encode_string(known),
                    said: Base64::encode_string(&said),
                });
            }
            None => all.insert(member.id, said),
        }
    }
    let missing = all.missing(quorum);
    if !missing.is_empty() {
        return Err(CosignConfigError::MissingPublicShares(missing));
    }
    let complete = KeyShare::new(share.into_shard(), quorum, all);
    let complete = complete.map_err(|error| match error {
        KeyShareError::PublicShares(
            PublicSharesError::Stranger(id)
            | PublicSharesError::Point(id)
            | PublicSharesError::Id(id),
        ) => CosignConfigError::StrangePublicShare(id),
        KeyShareError::PublicShares(PublicSharesError::Fewer(threshold)) => {
            CosignConfigError::OtherThreshold(threshold)
        }
        // The share itself was read, so it is right in itself.
        _ => CosignConfigError::OtherKey,
    })?;
    match settings.member(id) {
        Some(own) if own.peer_id != identity => Err(CosignConfigError::OtherIdentity {
            id,
            own: identity,
            said: own.peer_id,
            other: settings
                .members
                .iter()
                .find(|member| member.peer_id == identity)
                .map(|member| member.id),
        }),
        _ => Ok(complete),
    }
}
