//! What a member says of itself first, and whether it is the one that the configuration names.

use crate::consensus::PublicKey;
use crate::shares::Quorum;

/// What a member says of itself, first on every link. That its identity is the pinned one was proved before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerHello {
    /// Of these messages.
    pub version: u32,
    /// Which member's share it has.
    pub id: u16,
    /// A random number of its process: what is kept for a member is kept for one life of it.
    pub boot: u64,
    /// The key of the whole.
    pub public_key: [u8; 32],
    /// So many sign together.
    pub threshold: u16,
    /// Of so many.
    pub members: u16,
    /// The public half of its share.
    pub public_share: [u8; 32],
}

/// Why a member is not the one that the configuration names. `member` is the number that it has here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// It speaks another version.
    #[error(
        "member {member} speaks version {theirs} of what members say to each other, and this one {VERSION}; bring tmkms to the \
         same version on both hosts"
    )]
    Version {
        /// Which one.
        member: u16,
        /// Its version.
        theirs: u32,
    },
    /// It has the share of another member.
    #[error(
        "member {member} has the share of member {theirs}: each host needs its own, and two hosts with one share are one member \
         that signs twice; put the share of member {member} there, or correct `id` and `addr` of the [[providers.cosign.members]] on \
         this host"
    )]
    Id {
        /// Which one.
        member: u16,
        /// Whose share it has.
        theirs: u16,
    },
    /// It has a share of another key.
    #[error(
        "member {member} has a share of another key; compare `public_key` in the share.json of both hosts, which `tmkms cosign \
         verify SHARE` prints, and put a share of the same splitting there"
    )]
    Key {
        /// Which one.
        member: u16,
    },
    /// It counts the members in another way.
    #[error(
        "member {member} needs {threshold} of {members} to sign, and this one {ours}; shares of two splittings do not sign together, \
         so put shares of one splitting on all hosts"
    )]
    Quorum {
        /// Which one.
        member: u16,
        /// Its threshold.
        threshold: u16,
        /// Its number of members.
        members: u16,
        /// Ours, in words.
        ours: String,
    },
    /// Its share is not the one whose public half is configured.
    #[error(
        "the share of member {member} is not that of its `public_share` here; if it is of a new splitting of the key, put shares of \
         that one on all hosts, otherwise correct `public_share` of this [[providers.cosign.members]] to what `tmkms cosign verify SHARE` \
         prints there, on the host of member {member}, before it says that one share alone is not the key"
    )]
    Share {
        /// Which one.
        member: u16,
    },
}

impl HelloError {
    /// A stable word for the log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Version { .. } => "other_version",
            Self::Id { .. } => "other_member",
            Self::Key { .. } => "other_key",
            Self::Quorum { .. } => "other_quorum",
            Self::Share { .. } => "other_share",
        }
    }
}

/// See [`PeerHello::VERSION`].
const VERSION: u32 = 1;

impl PeerHello {
    /// The version of these messages. Members of different versions do not sign together.
    pub const VERSION: u32 = VERSION;

    /// Whether it is the member `member` of this key, with this public share.
    ///
    /// # Errors
    /// What differs.
    pub fn judge(
        &self,
        member: u16,
        public_share: &[u8; 32],
        public_key: &PublicKey,
        quorum: Quorum,
    ) -> Result<(), HelloError> {
        let ours = (quorum.threshold(), quorum.members());
        if self.version != VERSION {
            let theirs = self.version;
            return Err(HelloError::Version { member, theirs });
        }
        if self.public_key.as_slice() != public_key.as_bytes() {
            return Err(HelloError::Key { member });
        }
        if self.id != member {
            let theirs = self.id;
            return Err(HelloError::Id { member, theirs });
        }
        if (self.threshold, self.members) != ours {
            return Err(HelloError::Quorum {
                member,
                threshold: self.threshold,
                members: self.members,
                ours: format!("{} of {}", ours.0, ours.1),
            });
        }
        match self.public_share == *public_share {
            true => Ok(()),
            false => Err(HelloError::Share { member }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::softsign::key::SoftKey;
    use crate::consensus::KeyType;

    #[test]
    fn each_difference_is_named_with_the_member_and_a_remedy() {
        let key = SoftKey::from_bytes(&[3; 32], KeyType::Ed25519).unwrap();
        let key = key.public_key();
        let quorum = Quorum::new(2, 3).unwrap();
        let sound = PeerHello {
            version: VERSION,
            id: 2,
            boot: 7,
            public_key: key.as_bytes().try_into().unwrap(),
            threshold: 2,
            members: 3,
            public_share: [5; 32],
        };
        let judge = |hello: &PeerHello| hello.judge(2, &[5; 32], &key, quorum);
        assert_eq!(judge(&sound), Ok(()));
        type Edit = fn(&mut PeerHello);
        let edits: [(&str, Edit); 6] = [
            ("other_version", |hello| hello.version = 2),
            ("other_member", |hello| hello.id = 3),
            ("other_key", |hello| hello.public_key[0] ^= 1),
            ("other_quorum", |hello| hello.threshold = 3),
            ("other_quorum", |hello| hello.members = 2),
            ("other_share", |hello| hello.public_share[31] ^= 1),
        ];
        for (code, edit) in edits {
            let mut hello = sound.clone();
            edit(&mut hello);
            let error = judge(&hello).unwrap_err();
            assert_eq!(error.code(), code);
            let text = error.to_string();
            assert!(text.contains("member 2"), "{text}");
            let remedy = ["put ", "correct ", "bring "];
            assert!(remedy.iter().any(|verb| text.contains(verb)), "{text}");
        }
    }
}
