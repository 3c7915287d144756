//! What there is to see of the hosts that have shares of a key, for those who only look.

use std::time::Duration;

/// The cosigners of a key, as one of them sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CosignersSample {
    /// Which member this host is.
    pub own: u16,
    /// So many have to sign together.
    pub threshold: u16,
    /// Where the others may come in; `None` where nobody dials this one.
    pub listens: Option<String>,
    /// Why nobody can, though they should.
    pub deaf: Option<String>,
    /// Connections that were turned away: of nobody who is a member, or of too many at once.
    pub turned_away: u64,
    /// Signatures that this host had made together with the others.
    pub signed: u64,
    /// Requests of its nodes that came to nothing after this host was locked on them.
    pub unsigned: u64,
    /// Sets of members that were asked beside or after a first one.
    pub more_sets: u64,
    /// Nonces that wait here for the others' questions.
    pub nonces_shown: u64,
    /// The other members, by id.
    pub others: Vec<CosignerSample>,
}

/// Another member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CosignerSample {
    /// Its id.
    pub id: u16,
    /// Where it is: `HOST:PORT`.
    pub address: String,
    /// Whether the link is up.
    pub up: bool,
    /// Why it is not, where that is known.
    pub trouble: Option<String>,
    /// Why it gives no share of this chain at all, as it said last, though the link is up.
    pub refuses: Option<String>,
    /// For how long it is up or down.
    pub since: Duration,
    /// Of the last ping.
    pub round_trip: Option<Duration>,
    /// Nonces that it has shown and that can be used.
    pub nonces: u64,
    /// Two processes have its share and identity.
    pub runs_twice: bool,
    /// It came back with an older state than it had before.
    pub rolled_back: bool,
    /// The height where its watermark for this chain is, as it said last.
    pub height: Option<i64>,
    /// Questions that it was asked.
    pub asked: u64,
    /// Shares that it gave, and whole signatures that it knew.
    pub shares: u64,
    /// Times that it named other bytes on which it is locked.
    pub locked: u64,
    /// Refusals, and questions that it had no nonce or time for.
    pub refused: u64,
    /// Questions that were lost with the link.
    pub lost: u64,
    /// Times that others were asked beside it because it took longer than usual.
    pub late: u64,
    /// Wrong shares, locks and signatures.
    pub bad: u64,
    /// Since the last of those.
    pub bad_ago: Option<Duration>,
    /// Shares that it was given here.
    pub given: u64,
}

impl CosignersSample {
    /// So many there are.
    pub fn members(&self) -> usize {
        self.others.len() + 1
    }

    /// So many can sign now, this host included.
    pub fn there(&self) -> usize {
        self.others.iter().filter(|other| other.signs()).count() + 1
    }

    /// Whether as many as are needed can sign.
    pub fn are_enough(&self) -> bool {
        self.there() >= usize::from(self.threshold)
    }
}

impl CosignerSample {
    /// Whether it can be asked, and has not said that it gives no share.
    pub fn signs(&self) -> bool {
        self.up && self.refuses.is_none()
    }

    /// How many heights its watermark is below `own`, that of this host, where both are known; 0 where it is not below.
    pub fn heights_behind(&self, own: Option<i64>) -> Option<u64> {
        let behind = own?.saturating_sub(self.height?);
        Some(u64::try_from(behind).unwrap_or(0))
    }
}
