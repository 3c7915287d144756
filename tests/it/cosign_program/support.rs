//! Members made by `cosign split`, and what their nodes were given.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::{PublicKey, SignBytes, Timestamp};
use tmkms::harness::messages::Maker;
use tmkms::harness::{Listener, Node};
use tmkms::reply::RemoteError;
use tmkms::request::SignRequest;

use crate::support::chain::Chain;
use crate::support::command::tmkms;
use crate::support::home::{Home, PATIENCE, Running};
use crate::support::maker;
use crate::support::world::next_link;

/// A node ends its wait for a vote after that.
pub const NODE_WAITS: Duration = Duration::from_secs(3);

/// All members of one key.
pub struct Members {
    pub all: Vec<Member>,
    pub given: Given,
    /// What `split` made.
    pub shares: PathBuf,
    _folder: tempfile::TempDir,
}

/// One member with its node.
pub struct Member {
    pub id: usize,
    pub home: Home,
    pub listener: Listener,
    service: Option<Running>,
    node: Option<Node>,
}

/// Every message that any node was given a signature of, at its height, round and step.
pub struct Given {
    key: PublicKey,
    messages: Mutex<BTreeMap<(i64, i32, u8), SignBytes>>,
}

impl Given {
    /// The signature is one of the key, and of nothing else than was signed there before.
    pub fn note(&self, request: &SignRequest, answer: Answer) -> Result<Timestamp, RemoteError> {
        let (timestamp, signature) = match answer {
            Answer::Signed {
                timestamp,
                signature,
                ..
            } => (timestamp, signature),
            Answer::Error(error) => return Err(error),
            other => panic!("{other:?}"),
        };
        let bytes = request.sign_bytes().at_time(timestamp).unwrap();
        assert!(self.key.verify(bytes.as_slice(), &signature));
        let hrs = request.hrs();
        let at = (hrs.height.get(), hrs.round.get(), hrs.step.number());
        let mut messages = self.messages.lock().unwrap();
        let before = messages.entry(at).or_insert_with(|| bytes.clone());
        assert!(*before == bytes, "SIGNED TWICE at {at:?}");
        Ok(timestamp)
    }
}

/// A port of the loopback interface on which nobody listens, below those that Linux gives to whoever connects.
fn unused_port() -> u16 {
    loop {
        let mut random = [0; 2];
        getrandom::getrandom(&mut random).unwrap();
        let port = 20_000 + u16::from_le_bytes(random) % 12_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

impl Members {
    /// `threshold` of `members`, configured, armed, and not started.
    pub fn split(threshold: usize, members: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (t, n) = (threshold.to_string(), members.to_string());
        let mut words = vec!["cosign", "split", "-t", &t, "-n", &n];
        words.extend(["--chain-id", "test-1"]);
        let at: Vec<String> = (0..members)
            .map(|_| format!("127.0.0.1:{}", unused_port()))
            .collect();
        at.iter().for_each(|at| words.extend(["--addr", at]));
        words.push("shares");
        let done = tmkms(folder.path(), &words);
        assert_eq!(done.code, 0, "{}", done.err);
        let shares = folder.path().join("shares");
        let key = key_of(&shares);
        Self {
            all: (1..=members)
                .map(|id| Member::install(id, &shares, key.clone()))
                .collect(),
            given: Given {
                key,
                messages: Mutex::default(),
            },
            shares,
            _folder: folder,
        }
    }

    /// The same, all started and each with its node.
    pub fn signing(threshold: usize, members: usize) -> Self {
        let mut made = Self::split(threshold, members);
        made.all.iter_mut().for_each(Member::start);
        made.all.iter_mut().for_each(Member::accept);
        made
    }

    /// The member with this id.
    pub fn member(&mut self, id: usize) -> &mut Member {
        &mut self.all[id - 1]
    }

    /// Asks the member, whose node is answered in time.
    pub fn ask(&mut self, id: usize, request: SignRequest) -> Result<Timestamp, RemoteError> {
        let began = Instant::now();
        let answer = self.member(id).node().ask(&Ask::Sign(request.clone()));
        assert!(
            began.elapsed() < NODE_WAITS,
            "answered after {:?}",
            began.elapsed()
        );
        self.given.note(&request, answer.unwrap())
    }

    /// It signs a prevote at this height for its node, in this time.
    #[track_caller]
    pub fn signs(&mut self, id: usize, height: i64) -> Duration {
        let began = Instant::now();
        let signed = self.ask(id, prevote(height, height));
        let log = || self.all[id - 1].service.as_ref().unwrap().log();
        assert!(signed.is_ok(), "member {id}: {signed:?}\n{}", log());
        began.elapsed()
    }

    /// Until the members have links to each other, so that no vote waits for one.
    pub fn until_linked(&mut self) {
        let ids: Vec<usize> = (1..=self.all.len()).collect();
        for id in &ids {
            for other in ids.iter().filter(|other| *other != id) {
                let words = format!("member {other} at");
                self.member(*id).wait_for_line(&[&words, "is linked"]);
            }
        }
    }
}

/// A prevote of a block at this height and time.
pub fn prevote(height: i64, seconds: i64) -> SignRequest {
    maker().prevote(height, 0, Some(1), seconds)
}

/// The same for another chain.
pub fn prevote_of(chain: &str, height: i64) -> SignRequest {
    Maker::new(chain.parse().unwrap()).prevote(height, 0, Some(1), height)
}

fn key_of(shares: &Path) -> PublicKey {
    let text = fs::read(shares.join("member-1/share.json")).unwrap();
    let share: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let bytes = subtle_encoding::base64::decode(share["public_key"].as_str().unwrap()).unwrap();
    PublicKey::of_type(tmkms::consensus::KeyType::Ed25519, &bytes).unwrap()
}

impl Member {
    /// Brings what `split` made to a home of its own, as that says.
    fn install(id: usize, shares: &Path, key: PublicKey) -> Self {
        let listener = Listener::tcp().unwrap();
        let home = Home {
            folder: tempfile::tempdir().unwrap(),
            key,
        };
        let secrets = home.path().join("secrets");
        fs::create_dir(&secrets).unwrap();
        fs::set_permissions(&secrets, fs::Permissions::from_mode(0o700)).unwrap();
        let from = shares.join(format!("member-{id}"));
        fs::copy(from.join("share.json"), secrets.join("test-1.share")).unwrap();
        let identity = secrets.join("test-1-cosign.key");
        fs::copy(from.join("identity.key"), &identity).unwrap();
        // Its links to nodes have another identity than that towards the others.
        fs::copy(&identity, home.path().join("identity.key")).unwrap();
        let section = fs::read_to_string(from.join("cosign.toml")).unwrap();
        let chain = Chain::new("test-1").node_with_identity(listener.address().unwrap());
        home.configure(&format!("{chain}{section}"));
        home.init();
        Self {
            id,
            home,
            listener,
            service: None,
            node: None,
        }
    }

    /// Starts it; its node waits.
    pub fn start(&mut self) {
        self.node = None;
        self.service = Some(self.home.start());
    }

    /// Its node takes the link.
    pub fn accept(&mut self) {
        self.node = Some(next_link(&self.listener));
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let mut service = self.service.take().unwrap();
        service.child.kill().unwrap();
        service.child.wait().unwrap();
        self.node = None;
    }

    /// SIGTERM, which ends it well.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.service.as_mut().unwrap().wait();
        assert_eq!(status.code(), Some(0), "{}", self.service().log());
        (self.service, self.node) = (None, None);
    }

    pub fn signal(&self, signal: Signal) {
        self.service().signal(signal);
    }

    pub fn service(&self) -> &Running {
        self.service.as_ref().unwrap()
    }

    pub fn node(&mut self) -> &mut Node {
        self.node.as_mut().unwrap()
    }

    /// Replaces a part of its configuration.
    pub fn edit(&self, from: &str, to: &str) {
        let text = self.home.config();
        assert!(text.contains(from), "{from:?} is not in {text}");
        self.home.configure(&text.replace(from, to));
    }

    /// Waits for a line of its log with all these words.
    #[track_caller]
    pub fn wait_for_line(&self, words: &[&str]) {
        let began = Instant::now();
        let has_all = |line: &str| words.iter().all(|word| line.contains(word));
        while !self.service().log().lines().any(has_all) {
            let log = self.service().log();
            assert!(
                began.elapsed() < PATIENCE,
                "member {}: no line with {words:?} in\n{log}",
                self.id
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
