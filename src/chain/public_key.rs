//! The public key of a chain, told to anyone who asks for the right chain.

use crate::consensus::ChainId;
use crate::consensus::chain_id::IllegalChainId;
use crate::events::{Event, RequestKind};
use crate::gate::refusal::{Reason, Refusal};
use crate::reason::NO_PUBLIC_KEY;
use crate::reply::{RemoteError, Reply};

use super::answer::{Answer, refused_event, remote, told};
use super::state::Chain;

impl Chain {
    pub(super) fn tell_public_key(&self, asked: Result<ChainId, IllegalChainId>) -> Answer {
        let fail = |refusal: &Refusal, error| {
            let event = refused_event(RequestKind::PublicKey, refusal);
            told(Reply::PublicKey(Err(error)), event)
        };
        let other = match asked {
            Ok(asked) if asked == *self.id() => None,
            Ok(asked) => Some(Reason::WrongChain {
                asked,
                configured: self.id().clone(),
            }),
            Err(illegal) => Some(Reason::Invalid(illegal.into())),
        };
        if let Some(reason) = other {
            let refusal = Refusal::of(reason);
            let error = remote(&refusal);
            return fail(&refusal, error);
        }
        match self.public_key() {
            Some(key) => told(Reply::PublicKey(Ok(key)), Event::PublicKeyAsked),
            None => {
                let why = self.why_unarmed().unwrap_or_default();
                let refusal = Refusal::of(Reason::NotArmed(why));
                let error = RemoteError {
                    code: NO_PUBLIC_KEY,
                    description: refusal.to_string(),
                };
                fail(&refusal, error)
            }
        }
    }
}
