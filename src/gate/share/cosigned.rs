//! What a gate does for a host that has a share of the key only: it admits bytes that another host asks for, and takes in what the
//! hosts have signed together without this one.

use std::time::Duration;

use crate::consensus::{ExtensionPosition, PublicKey, SignBytes, Signature, Step};
use crate::os::clock::Moment;

use super::admission::ShareAdmission;
use crate::gate::durable::Advanced;
use crate::gate::judging::{Gate, JudgedRequest};
use crate::gate::permit::Permit;
use crate::gate::refusal::{Reason, Refusal};
use crate::gate::settings::SignExtensions;
use crate::gate::watermark::{Last, Verdict, Watermark, Why, judge};

/// What became of a signature that the others made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// The watermark stands at its message now, durably.
    Advanced,
    /// Nothing has moved: it is older, this host stands at these very bytes, or it is locked on others there.
    Known,
    /// Nothing has moved: it is no signature of this key on this chain.
    NotOurs,
    /// The store does not work (W8).
    NotDurable,
}

impl JudgedRequest<'_> {
    /// Admits the request for a share of its signature. `ahead` is called once nothing but the store is left to be asked, before
    /// the new watermark is written: what other hosts do meanwhile costs no time. It is not called where nothing is written.
    ///
    /// # Errors
    /// Why there is no share.
    pub fn admit_share(
        self,
        until: Duration,
        ahead: &mut dyn FnMut(),
    ) -> Result<ShareAdmission, Refusal> {
        let asked = self.prepared().bytes().clone();
        Ok(self.admit_telling(until, ahead)?.strictly(&asked))
    }

    /// What this gate would refuse when it comes to the write, as far as it is known before: then nobody else is asked, and no other
    /// host is locked for nothing.
    ///
    /// # Errors
    /// That refusal.
    pub fn foreseen(&self) -> Result<(), Refusal> {
        if self.verdict != Verdict::Advance {
            return Ok(());
        }
        let (gate, position) = (&*self.gate, self.prepared().position());
        if let Some(why) = gate.durable.broken() {
            return Err(gate.refuse(position, Reason::NotDurable(why.to_owned())));
        }
        gate.paid(position, &self.now).map(drop)
    }
}

impl Gate {
    /// Leave to sign the bytes of a vote extension: those of the precommit for a block that the watermark stands at, and of no
    /// other (W12).
    ///
    /// # Errors
    /// Why not.
    pub fn admit_extension(&self, bytes: SignBytes, until: Duration) -> Result<Permit, Refusal> {
        let refused = |reason| Err(Refusal::of(reason));
        let read = ExtensionPosition::read(bytes.as_slice());
        let ExtensionPosition {
            chain_id,
            height,
            round,
        } = read.map_err(|error| Refusal::of(Reason::Invalid(error.into())))?;
        if chain_id != self.chain_id {
            return refused(Reason::WrongChain {
                asked: chain_id,
                configured: self.chain_id.clone(),
            });
        }
        if let Some(why) = &self.moved_out {
            return refused(Reason::MovedOut(why.clone()));
        }
        if let Some(active) = self.operator.paused.forbids(height) {
            return refused(Reason::paused(&active));
        }
        if let Some(why) = self.durable.broken() {
            return refused(Reason::NotDurable(why.to_owned()));
        }
        let is_its_precommit = |last: &Last| {
            let position = last.position();
            let hrs = position.hrs;
            (hrs.height, hrs.round, hrs.step) == (height, round, Step::Precommit)
                && position.block.is_some()
        };
        match self.durable.watermark() {
            Watermark::Message(last)
                if is_its_precommit(last)
                    && self.settings.sign_extensions != SignExtensions::Never =>
            {
                Ok(Permit::new(bytes, until))
            }
            _ => Err(Refusal {
                last: self.durable.hrs(),
                ..Refusal::of(Reason::Watermark(Why::Step))
            }),
        }
    }

    /// The last message of which this gate knows the whole signature, and that signature: the one that it stands at, or, while it
    /// is locked there without one, one before that.
    pub fn signed(&self) -> Option<(&SignBytes, &Signature)> {
        let last = self.durable.last_signed()?;
        Some((last.bytes(), last.signature()?))
    }

    /// Remembers the signature that the hosts have made of these bytes, where this gate stands at them.
    pub fn complete_share(&mut self, bytes: &SignBytes, signature: &Signature) {
        self.durable.signed(bytes, signature);
    }

    /// Takes in a signature that the hosts have made together, so that one that had no part in it does not fall behind (W11), and
    /// each knows the whole. Only a signature of `key` counts, so nobody can move the watermark so without as many shares as are
    /// needed; and a host that is locked on other bytes stays so.
    pub fn learn(
        &mut self,
        bytes: Vec<u8>,
        signature: &Signature,
        key: &PublicKey,
        now: &Moment,
    ) -> Learned {
        let Ok((bytes, position)) = SignBytes::from_record(bytes) else {
            return Learned::NotOurs;
        };
        if position.chain_id != self.chain_id || !key.verify(bytes.as_slice(), signature) {
            return Learned::NotOurs;
        }
        if self.moved_out.is_some() {
            return Learned::Known;
        }
        let learned = match judge(self.durable.watermark(), &position) {
            Verdict::Refuse(_) => Learned::Known,
            Verdict::Replay => {
                self.complete_share(&bytes, signature);
                Learned::Known
            }
            Verdict::Advance => match Last::new(bytes, Some(signature.clone())) {
                None => Learned::NotOurs,
                Some(_) if self.durable.mend_now(now).is_err() => Learned::NotDurable,
                Some(last) => match self.durable.advance(last, now).0 {
                    Advanced::Durable => Learned::Advanced,
                    Advanced::Overtaken => Learned::Known,
                    Advanced::Failed { .. } => Learned::NotDurable,
                },
            },
        };
        self.publish();
        learned
    }
}
