//! The look at etcd that a host takes once a second, off the signing path: so that a host which only stands by keeps its
//! floor, and what is wrong with a member is known before a vote needs it.

use std::time::Duration;

use crate::consensus::{ChainId, PublicKey};
use crate::https::certificate;

use super::cas::{name_of, read_through};
use super::client::api::{STATUS, StatusAnswer};
use super::client::members::Session;
use super::handle::SharedHandle;
use super::settings::{EtcdSettings, EtcdSettingsError};

/// Every how many looks a member is asked about itself, too.
const STATUS_EVERY: u64 = 10;

/// Looks at one chain's key, through one member after the other.
pub struct Watcher {
    sessions: Vec<Session>,
    name: String,
    prefix: String,
    /// The earliest end of our own certificate and the authority's, since 1970-01-01 UTC.
    certificate_ends: Option<Duration>,
    turn: u64,
}

impl Watcher {
    /// With connections of its own, because a look must not be in a vote's way.
    ///
    /// # Errors
    /// Certificates or the password cannot be read.
    pub fn new(
        settings: &EtcdSettings,
        chain_id: &ChainId,
        public_key: &PublicKey,
    ) -> Result<Self, EtcdSettingsError> {
        let (tls, credentials) = (settings.tls()?, settings.credentials()?);
        let sessions = settings
            .endpoints
            .iter()
            .map(|endpoint| Session::new(endpoint, tls.as_ref(), credentials.clone()));
        let client = tls.as_ref().and_then(|tls| tls.client_der());
        let ours = client.as_deref().and_then(certificate::not_after);
        let roots = tls
            .iter()
            .flat_map(|tls| tls.roots_der().filter_map(certificate::not_after));
        Ok(Self {
            sessions: sessions.collect(),
            name: name_of(&settings.prefix, chain_id, public_key),
            prefix: settings.prefix.clone(),
            certificate_ends: roots.chain(ours).min(),
            turn: 0,
        })
    }

    /// One look. `true` when there is something for the store to take in.
    pub fn look(&mut self, handle: &SharedHandle) -> bool {
        handle.stats.certificate_ends(self.certificate_ends);
        let count = u64::try_from(self.sessions.len()).unwrap_or(1).max(1);
        let first = usize::try_from(self.turn % count).unwrap_or(0);
        let ask_status = (self.turn / count).is_multiple_of(STATUS_EVERY);
        self.turn = self.turn.wrapping_add(1);
        let mut order: Vec<&mut Session> = self.sessions.iter_mut().collect();
        order.rotate_left(first);
        for session in order {
            // Before the question: an answer may be overtaken by what votes bring meanwhile.
            let known = handle.stats.sample().revision;
            match read_through(session, &self.name, &self.prefix) {
                Ok(found) => {
                    handle.stats.endpoint(session.name(), None);
                    if ask_status {
                        look_at_size(session, handle);
                    }
                    *handle.inbox.lock() = Some((found, known));
                    return true;
                }
                Err(why) => handle.stats.endpoint(session.name(), Some(why)),
            }
        }
        false
    }
}

/// How full the database is. A user without the right to ask is no trouble.
fn look_at_size(session: &mut Session, handle: &SharedHandle) {
    let answer = session.post(STATUS, b"{}").ok();
    let status = answer
        .filter(|answer| answer.status == 200)
        .and_then(|answer| serde_json::from_slice::<StatusAnswer>(&answer.body).ok());
    if let Some(status) = status.filter(|status| status.db_quota > 0) {
        handle.stats.database(status.db_size, status.db_quota);
    }
}
