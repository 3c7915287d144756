//! Asks one endpoint: one turn a second, each with a limit for every wait and every byte.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::consensus::{ChainId, Height, PublicKey};
use crate::https::{Client, Limits, Tls, TlsWords};

use super::address::{RpcAddress, RpcSettings};
use super::agreement::Word;
use super::answers::{
    CommitAnswer, LONGEST_COMMIT, LONGEST_STATUS, LONGEST_VALIDATORS, NodeStatus, PER_PAGE,
    read_commit, read_status, read_validators,
};
use super::standing::ValidatorStanding;
use super::trouble::RpcTrouble;
use super::vote::VoteInCommit;
use super::witness::Witness;

/// How long each request may take.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    request: Duration::from_secs(5),
};
/// How often the voting power is asked for while our votes are in the commits.
const POWER_EVERY: Duration = Duration::from_secs(60);
/// Where this host keeps the authorities of the web, on Debian, Fedora, SUSE and Alpine, and on a BSD.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// What the settings are called where TLS fails, with an authority of the operator's own.
const OWN_AUTHORITY: TlsWords = TlsWords {
    issuer: "the authority in `rpc_ca_file`; put there the one that issued it",
    name: "`rpc`",
    no_client: "tmkms has none for `rpc`, so name an address of the node that asks for none",
    client: None,
};
/// The same, with the authorities of this host.
const HOST_AUTHORITIES: TlsWords = TlsWords {
    issuer: "an authority that this host knows; name its authority in `rpc_ca_file` if it is one of your own",
    ..OWN_AUTHORITY
};

/// One endpoint of a chain, asked by one thread.
pub struct Endpoint {
    index: usize,
    chain: ChainId,
    address: RpcAddress,
    ca_file: Option<PathBuf>,
    /// Made with the first turn: the file of authorities may not be there yet.
    client: Option<Client>,
    /// The set of validators in which we were looked for last, by its hash, with which key, and our place in it.
    set: Option<([u8; 32], PublicKey, ValidatorStanding)>,
    /// When the voting power was asked for last.
    asked_power: Option<Instant>,
}

/// Our public keys, as far as they are known.
pub struct OurKeys<'a> {
    /// The one of the next height.
    pub now: Option<PublicKey>,
    /// The one that signs at a height: the key of a chain may change.
    pub at: &'a dyn Fn(Height) -> Option<PublicKey>,
}

/// What a turn has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It failed, and did not before or in another way.
    Failed(RpcTrouble),
    /// It works, and had failed before.
    Recovered,
    /// Nothing new.
    Same,
}

impl Endpoint {
    /// One for each address of the settings.
    pub fn all(settings: &RpcSettings, chain: &ChainId) -> Vec<Self> {
        let addresses = settings.endpoints.iter().enumerate();
        let endpoint = |(index, address): (usize, &RpcAddress)| Self {
            index,
            chain: chain.clone(),
            address: address.clone(),
            ca_file: settings.ca_file.clone(),
            client: None,
            set: None,
            asked_power: None,
        };
        addresses.map(endpoint).collect()
    }

    /// Scheme, host and port.
    pub fn name(&self) -> String {
        self.address.to_string()
    }

    /// One turn: how the node is, and the commits that the witness wants, until `ended`.
    pub fn turn(
        &mut self,
        keys: &OurKeys<'_>,
        witness: &Witness,
        ended: &dyn Fn() -> bool,
    ) -> Turn {
        match self.ask_all(keys, witness, ended) {
            Ok(()) if witness.works(self.index) => Turn::Recovered,
            Ok(()) => Turn::Same,
            Err(trouble) => match witness.failed(self.index, trouble.clone()) {
                true => Turn::Failed(trouble),
                false => Turn::Same,
            },
        }
    }

    /// How the node is, for a look of its own.
    ///
    /// # Errors
    /// [`RpcTrouble`].
    pub fn status(&mut self) -> Result<NodeStatus, RpcTrouble> {
        let body = self.get("/status", LONGEST_STATUS)?;
        read_status(&body, &self.chain)
    }

    fn ask_all(
        &mut self,
        keys: &OurKeys<'_>,
        witness: &Witness,
        ended: &dyn Fn() -> bool,
    ) -> Result<(), RpcTrouble> {
        let status = self.status()?;
        witness.answered(self.index, status, Instant::now());
        let Some(now) = keys.now else {
            return Ok(());
        };
        let mut forged = None;
        for height in witness.wanted(self.index, Instant::now()) {
            let Some(height) = Height::new(height).filter(|_| !ended()) else {
                break;
            };
            let Some(key) = (keys.at)(height) else {
                break;
            };
            let word = match self.commit(height, &key) {
                // What it has merely seen may change with the next block.
                Ok(commit) if !commit.canonical => break,
                Ok(commit) => match commit.vote {
                    VoteInCommit::Signed(sighting) => Some(Word::Signed(sighting)),
                    VoteInCommit::Nothing => self.why_nothing(height, &commit, &key, ended)?,
                    VoteInCommit::Forged => {
                        forged = Some(RpcTrouble::Forged(height.get()));
                        None
                    }
                },
                // A node that has thrown old blocks away has no word on them.
                Err(RpcTrouble::Said(_)) => None,
                Err(trouble) => return Err(trouble),
            };
            witness.said(self.index, height, word, Instant::now());
        }
        self.look_at_power(&now, witness, ended)?;
        forged.map_or(Ok(()), Err)
    }

    fn commit(&mut self, height: Height, key: &PublicKey) -> Result<CommitAnswer, RpcTrouble> {
        let body = self.get(&format!("/commit?height={height}"), LONGEST_COMMIT)?;
        read_commit(&body, &self.chain, height, key)
    }

    /// Why a commit holds nothing of us: whether we were in the set of validators that could sign it. `None` where the node
    /// does not know that set any more.
    fn why_nothing(
        &mut self,
        height: Height,
        commit: &CommitAnswer,
        key: &PublicKey,
        ended: &dyn Fn() -> bool,
    ) -> Result<Option<Word>, RpcTrouble> {
        let known = self
            .set
            .filter(|(hash, whose, _)| *hash == commit.validators && whose == key);
        let standing = match known {
            Some((.., standing)) => standing,
            None => {
                let found = match self.standing(Some(height), key, ended) {
                    Err(RpcTrouble::Said(_)) => return Ok(None),
                    found => found?,
                };
                self.set = Some((commit.validators, *key, found));
                found
            }
        };
        Ok(Some(match standing {
            ValidatorStanding::Power(_) => Word::Absent,
            ValidatorStanding::Outside => Word::Outside,
        }))
    }

    fn look_at_power(
        &mut self,
        key: &PublicKey,
        witness: &Witness,
        ended: &dyn Fn() -> bool,
    ) -> Result<(), RpcTrouble> {
        let due = self
            .asked_power
            .is_none_or(|at| at.elapsed() >= POWER_EVERY);
        if due && !ended() {
            self.asked_power = Some(Instant::now());
            match self.standing(None, key, ended) {
                Ok(standing) => witness.stands(self.index, standing),
                // A node without a block has no set of validators.
                Err(RpcTrouble::Said(_)) => self.asked_power = None,
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }

    /// Looks for us in the set of validators, page by page: that of a height, or the newest.
    fn standing(
        &mut self,
        height: Option<Height>,
        key: &PublicKey,
        ended: &dyn Fn() -> bool,
    ) -> Result<ValidatorStanding, RpcTrouble> {
        let at = height.map_or_else(String::new, |height| format!("height={height}&"));
        let (mut page, mut pages) = (1, 1);
        while page <= pages && !ended() {
            let question = format!("/validators?{at}page={page}&per_page={PER_PAGE}");
            let body = self.get(&question, LONGEST_VALIDATORS)?;
            let found = read_validators(&body, key)?;
            if let Some(power) = found.power {
                return Ok(ValidatorStanding::Power(power));
            }
            pages = found.total.div_ceil(PER_PAGE);
            page += 1;
        }
        Ok(ValidatorStanding::Outside)
    }

    /// The body of an answer. A node gives its errors status 500, with JSON.
    fn get(&mut self, question: &str, longest: u64) -> Result<Vec<u8>, RpcTrouble> {
        let no_answer = |why: String| RpcTrouble::NoAnswer(why);
        let client = match &self.client {
            Some(client) => client,
            None => {
                let tls = self.tls().map_err(no_answer)?;
                let client = Client::new(self.address.base(), tls.as_ref(), LIMITS);
                self.client.insert(client)
            }
        };
        let answer = client.get_up_to(question, self.address.authorization(), longest);
        let answer = answer.map_err(|failure| no_answer(failure.to_string()))?;
        match answer.status {
            200 | 500 => Ok(answer.body),
            other => Err(RpcTrouble::Status(other)),
        }
    }

    fn tls(&self) -> Result<Option<Tls>, String> {
        if !self.address.is_secure() {
            return Ok(None);
        }
        let (file, words) = match &self.ca_file {
            Some(file) => (file.as_path(), OWN_AUTHORITY),
            None => (
                authorities(AUTHORITIES.map(Path::new)).ok_or_else(no_authorities)?,
                HOST_AUTHORITIES,
            ),
        };
        let tls = Tls::load(file, None, words);
        tls.map(Some).map_err(|error| error.to_string())
    }
}

/// The first of these files that is there.
fn authorities<const N: usize>(usual: [&Path; N]) -> Option<&Path> {
    usual.into_iter().find(|path| path.is_file())
}

fn no_authorities() -> String {
    format!(
        "this host has no certificates of authorities ({}): install the package `ca-certificates`, or name the authority of the \
         node in `rpc_ca_file`",
        AUTHORITIES.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_of_authorities_that_is_there_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        assert_eq!(authorities([&one, &two]), None);
        std::fs::copy("tests/tls/ca.crt", &two).unwrap();
        assert_eq!(authorities([&one, &two]), Some(two.as_path()));
        Tls::load(&two, None, HOST_AUTHORITIES).unwrap();
        let told = no_authorities();
        assert!(
            told.contains("`rpc_ca_file`") && told.contains("/etc/ssl/cert.pem"),
            "{told}"
        );
    }
}
