//! Asks one endpoint: one turn a second, each with a limit for every wait and every byte.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use subtle_encoding::hex;

use crate::consensus::{ChainId, Height, PublicKey};
use crate::https::{Client, Limits, Tls, TlsWords};

use super::address::{RpcAddress, RpcSettings};
use super::agreement::Word;
use super::answers::{
    CommitAnswer, LONGEST_RECORD, LONGEST_STATUS, LONGEST_VALIDATORS, NodeStatus, PER_PAGE,
    longest_commit, read_commit, read_slashing, read_status, read_validators,
};
use super::standing::{SlashingRecord, ValidatorStanding, store_key};
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
/// How long the pages of one set of validators are asked for. A hundred of them, for 10,000 validators, take a second or two.
const PAGES_FOR: Duration = Duration::from_secs(30);
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
    /// The set of validators in which we were looked for last.
    set: Option<KnownSet>,
    /// The page of the validators on which we were found last. They stand there by their power, so it hardly changes.
    page: u64,
    /// When the voting power was asked for last.
    asked_power: Option<Instant>,
}

/// A set of validators in which we were looked for.
struct KnownSet {
    hash: [u8; 32],
    key: PublicKey,
    standing: ValidatorStanding,
    asked: Instant,
}

impl KnownSet {
    /// Whether it says our place in the set with this hash. That we are in none is believed for a minute of other sets, too: on a
    /// large chain each block has another one, and to find nobody all of its pages have to be asked for.
    fn says(&self, hash: &[u8; 32], key: &PublicKey) -> bool {
        let outside = self.standing == ValidatorStanding::Outside;
        let same = self.hash == *hash || (outside && self.asked.elapsed() < POWER_EVERY);
        same && self.key == *key
    }
}

/// Our public keys, as far as they are known.
pub struct OurKeys<'a> {
    /// The one of the next height.
    pub now: Option<PublicKey>,
    /// The one that signs at a height: the key of a chain may change.
    pub at: &'a dyn Fn(Height) -> Option<PublicKey>,
    /// The watermark with which the chain was armed: below it nothing has to be found out.
    pub begun: Option<Height>,
    /// The first height that was signed here since.
    pub first: Option<Height>,
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
            page: 1,
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
        let latest = status.latest;
        witness.answered(self.index, status, Instant::now());
        let Some(now) = keys.now.clone() else {
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
        self.look_deeper(keys, witness, ended)?;
        self.look_at_power(latest, &now, witness, ended)?;
        forged.map_or(Ok(()), Err)
    }

    /// Looks for our last vote below the newest blocks. What is not there says nothing.
    fn look_deeper(
        &mut self,
        keys: &OurKeys<'_>,
        witness: &Witness,
        ended: &dyn Fn() -> bool,
    ) -> Result<(), RpcTrouble> {
        let wanted = witness.deeper(self.index, keys.begun, keys.first, Instant::now());
        for height in wanted {
            let Some(height) = Height::new(height).filter(|_| !ended()) else {
                break;
            };
            let Some(key) = (keys.at)(height) else {
                break;
            };
            match self.commit(height, &key) {
                Ok(commit) => match commit.vote {
                    VoteInCommit::Signed(vote) => {
                        witness.said_below(self.index, vote);
                        break;
                    }
                    VoteInCommit::Nothing => {}
                    VoteInCommit::Forged => return Err(RpcTrouble::Forged(height.get())),
                },
                Err(RpcTrouble::Said(_)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }

    fn commit(&mut self, height: Height, key: &PublicKey) -> Result<CommitAnswer, RpcTrouble> {
        let longest = longest_commit(key.key_type());
        let body = self.get(&format!("/commit?height={height}"), longest)?;
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
        let known = self.set.as_ref();
        let known = known.filter(|set| set.says(&commit.validators, key));
        let standing = match known.map(|set| set.standing) {
            Some(standing) => standing,
            None => {
                let found = match self.standing(height, key, ended) {
                    Ok(Some(found)) => found,
                    Ok(None) | Err(RpcTrouble::Said(_)) => return Ok(None),
                    Err(trouble) => return Err(trouble),
                };
                self.set = Some(KnownSet {
                    hash: commit.validators,
                    key: key.clone(),
                    standing: found,
                    asked: Instant::now(),
                });
                found
            }
        };
        Ok(Some(match standing {
            ValidatorStanding::Power(_) => Word::Absent,
            ValidatorStanding::Outside => Word::Outside,
        }))
    }

    /// Our place in the newest set of validators, once a minute.
    fn look_at_power(
        &mut self,
        latest: i64,
        key: &PublicKey,
        witness: &Witness,
        ended: &dyn Fn() -> bool,
    ) -> Result<(), RpcTrouble> {
        let due = self
            .asked_power
            .is_none_or(|at| at.elapsed() >= POWER_EVERY);
        // A node without a block has no set of validators. All pages are those of one height.
        let Some(latest) = Height::new(latest).filter(|_| due && !ended()) else {
            return Ok(());
        };
        self.asked_power = Some(Instant::now());
        match self.standing(latest, key, ended) {
            Ok(Some(standing)) => {
                let slashing = match standing {
                    ValidatorStanding::Power(_) => None,
                    ValidatorStanding::Outside => self.slashing(key),
                };
                witness.stands(self.index, standing, slashing);
            }
            Ok(None) => {}
            // One behind a distributor may not have the block yet.
            Err(RpcTrouble::Said(_)) => self.asked_power = None,
            Err(trouble) => return Err(trouble),
        }
        Ok(())
    }

    /// What the application knows of us. Whatever is wrong with that answer says nothing about the node.
    fn slashing(&mut self, key: &PublicKey) -> Option<SlashingRecord> {
        let digits = hex::encode_upper(store_key(key.address().as_bytes()));
        let digits = String::from_utf8(digits).ok()?;
        let question = format!("/abci_query?path=%22/store/slashing/key%22&data=0x{digits}");
        let body = self.get(&question, LONGEST_RECORD).ok()?;
        read_slashing(&body, key).ok().flatten()
    }

    /// Looks for us in the set of validators of a height, page by page, first on the one on which we were last; `None` where that
    /// takes too long.
    fn standing(
        &mut self,
        height: Height,
        key: &PublicKey,
        ended: &dyn Fn() -> bool,
    ) -> Result<Option<ValidatorStanding>, RpcTrouble> {
        let began = Instant::now();
        let (last, mut pages) = (self.page, 1);
        let others = (1_u64..).filter(|page| *page != last);
        for page in std::iter::once(last).chain(others) {
            if page != last && page > pages {
                break;
            }
            if ended() || began.elapsed() >= PAGES_FOR {
                return Ok(None);
            }
            let question = format!("/validators?height={height}&page={page}&per_page={PER_PAGE}");
            let body = self.get(&question, LONGEST_VALIDATORS)?;
            let found = match read_validators(&body, key) {
                // The set has fewer pages by now.
                Err(RpcTrouble::Said(_)) if page == last && page > 1 => {
                    self.page = 1;
                    return self.standing(height, key, ended);
                }
                found => found?,
            };
            if let Some(power) = found.power {
                self.page = page;
                return Ok(Some(ValidatorStanding::Power(power)));
            }
            pages = found.total.div_ceil(PER_PAGE);
            if found.count == 0 && found.total > 0 {
                return Err(RpcTrouble::NotRpc("a page of its validators is empty"));
            }
        }
        Ok(Some(ValidatorStanding::Outside))
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
