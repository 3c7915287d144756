//! The RPC of a node that says what a test wants it to say.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tmkms::consensus::{BlockId, PublicKey, Signature};

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Honest,
    Silent,
    Drips,
    /// A gibibyte.
    Floods,
    Stops,
    Html,
    Redirects,
    OtherChain,
    /// It shows our vote with its signature spoiled.
    Forges,
    /// Its height is far beyond all, and our vote in none of its commits.
    Lies,
}

/// A precommit as the service signed it, at the second of its height.
#[derive(Clone)]
pub struct Vote {
    pub block: BlockId,
    pub signature: Signature,
}

pub struct Chain {
    pub mood: Mood,
    /// The chain id.
    pub id: String,
    pub latest: i64,
    pub in_set: bool,
    /// So many validators stand before ours.
    pub others: usize,
    /// How many there are, where that is a lie.
    pub total: Option<String>,
    /// How long it takes for a page of validators.
    pub page_takes: Duration,
    /// No page of validators has any.
    pub empty: bool,
    /// What the store of `slashing` keeps of our validator; `None` where the application has no such store.
    pub slashing: Option<Vec<u8>>,
    pub votes: BTreeMap<i64, Vote>,
    /// Commits below are asked for too often.
    pub limited_below: i64,
    /// Heads of requests.
    pub heard: Vec<String>,
}

pub struct FakeRpc {
    pub port: u16,
    pub chain: Arc<Mutex<Chain>>,
}

impl FakeRpc {
    pub fn start(key: PublicKey, mood: Mood) -> Self {
        Self::start_with(key, mood, None)
    }

    /// By https where there is a TLS configuration.
    pub fn start_with(key: PublicKey, mood: Mood, tls: Option<Arc<ServerConfig>>) -> Self {
        let chain = Arc::new(Mutex::new(Chain {
            mood,
            id: "test-1".to_owned(),
            latest: 1,
            in_set: true,
            others: 0,
            total: None,
            page_takes: Duration::ZERO,
            empty: false,
            slashing: None,
            votes: BTreeMap::new(),
            limited_below: 0,
            heard: Vec::new(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = chain.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, chain, tls) = (stream.unwrap(), shared.clone(), tls.clone());
                let key = key.clone();
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    match tls {
                        None => serve(stream, key, &chain),
                        Some(tls) => {
                            let connection = ServerConnection::new(tls).unwrap();
                            serve(StreamOwned::new(connection, stream), key, &chain);
                        }
                    }
                });
            }
        });
        Self { port, chain }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn set(&self, change: impl FnOnce(&mut Chain)) {
        change(&mut self.chain.lock().unwrap());
    }
}

fn serve(mut stream: impl Read + Write, key: PublicKey, chain: &Mutex<Chain>) {
    let mut head = [0; 4096];
    loop {
        let read = stream.read(&mut head).unwrap_or(0);
        if read == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&head[..read]).into_owned();
        let question = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mood, body, is_limited, takes) = {
            let mut chain = chain.lock().unwrap();
            chain.heard.push(text);
            let commit = question.strip_prefix("/commit?height=");
            let limited = commit.is_some_and(|at| at.parse::<i64>().unwrap() < chain.limited_below);
            let takes = match question.starts_with("/validators?") {
                true => chain.page_takes,
                false => Duration::ZERO,
            };
            let body = answer(&question, &key, &chain);
            (chain.mood, body, limited, takes)
        };
        std::thread::sleep(takes);
        let sized = |kind: &str, body: &str| {
            format!(
                "HTTP/1.1 {kind}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        let whole = match mood {
            Mood::Silent => {
                std::thread::sleep(Duration::from_secs(20));
                return;
            }
            Mood::Drips => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
                while stream.write_all(b" ").is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
                return;
            }
            Mood::Floods => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
                while stream.write_all(&[b'['; 64 * 1024]).is_ok() {}
                return;
            }
            Mood::Stops => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{\"res");
                return;
            }
            Mood::Html => sized("200 OK", "<html><body>It works!</body></html>"),
            Mood::Redirects => {
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                    .to_owned()
            }
            _ if is_limited => sized("429 Too Many Requests", ""),
            Mood::Honest | Mood::OtherChain | Mood::Forges | Mood::Lies => match body {
                Ok(result) => sized(
                    "200 OK",
                    &format!("{{\"jsonrpc\":\"2.0\",\"id\":-1,\"result\":{result}}}"),
                ),
                Err(data) => sized(
                    "500 Internal Server Error",
                    &format!(
                        "{{\"jsonrpc\":\"2.0\",\"id\":-1,\"error\":{{\"code\":-32603,\"message\":\"Internal error\",\"data\":\"{data}\"}}}}"
                    ),
                ),
            },
        };
        let sent = stream
            .write_all(whole.as_bytes())
            .and_then(|()| stream.flush());
        if sent.is_err() {
            return;
        }
    }
}

fn answer(question: &str, key: &PublicKey, chain: &Chain) -> Result<String, String> {
    let latest = match chain.mood {
        Mood::Lies => (1 << 62) + chain.latest,
        _ => chain.latest,
    };
    if question == "/status" {
        let network = match chain.mood {
            Mood::OtherChain => "other-1",
            _ => &chain.id,
        };
        return Ok(format!(
            "{{\"node_info\":{{\"network\":\"{network}\"}},\"sync_info\":{{\"latest_block_height\":\"{latest}\",\
             \"earliest_block_height\":\"1\",\"catching_up\":false}}}}"
        ));
    }
    let address = key.address();
    if let Some(asked) = question.strip_prefix("/validators?") {
        return validators(asked, key, chain);
    }
    if let Some(asked) = question.strip_prefix("/abci_query?") {
        let wanted = format!("path=%22/store/slashing/key%22&data=0x0114{address}");
        assert_eq!(asked, wanted);
        let (code, value) = match &chain.slashing {
            Some(value) => (0, format!("\"{}\"", Base64::encode_string(value))),
            None => (6, "null".to_owned()),
        };
        return Ok(format!(
            "{{\"response\":{{\"code\":{code},\"log\":\"\",\"value\":{value},\"height\":\"{latest}\"}}}}"
        ));
    }
    let height = question.strip_prefix("/commit?height=").ok_or("what?")?;
    let height: i64 = height.parse().unwrap();
    if height > latest {
        return Err(format!(
            "height {height} must be less than or equal to the current blockchain height {latest}"
        ));
    }
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect::<String>()
    };
    let vote = chain
        .votes
        .get(&height)
        .filter(|_| chain.mood != Mood::Lies);
    let (block, entry) = match vote {
        Some(vote) => {
            let mut signature = vote.signature.as_slice().to_vec();
            if chain.mood == Mood::Forges {
                signature[0] ^= 1;
            }
            let second = time(height);
            let entry = format!(
                "{{\"block_id_flag\":2,\"validator_address\":\"{address}\",\"timestamp\":\"{second}\",\"signature\":\"{}\"}}",
                Base64::encode_string(&signature)
            );
            (Some(vote.block), entry)
        }
        None => (None, "{\"block_id_flag\":1,\"validator_address\":\"\",\"timestamp\":\"0001-01-01T00:00:00Z\",\"signature\":null}".to_owned()),
    };
    let (hash, total, parts) = block.map_or(([7; 32], 1, [8; 32]), |block| {
        (block.hash, block.parts.total, block.parts.hash)
    });
    Ok(format!(
        "{{\"signed_header\":{{\"header\":{{\"chain_id\":\"{}\",\"height\":\"{height}\",\"validators_hash\":\"{}\"}},\
         \"commit\":{{\"height\":\"{height}\",\"round\":0,\"block_id\":{{\"hash\":\"{}\",\"parts\":{{\"total\":{total},\"hash\":\"{}\"}}}},\
         \"signatures\":[{entry}]}}}},\"canonical\":{}}}",
        chain.id,
        hex(&set(height, chain)),
        hex(&hash),
        hex(&parts),
        height < latest
    ))
}

/// The hash of the validators: on a large chain that of each block is another one.
fn set(height: i64, chain: &Chain) -> [u8; 32] {
    let mut hash = [u8::from(chain.in_set); 32];
    if chain.others > 100 {
        hash[0] = u8::try_from(height).unwrap();
    }
    hash
}

/// A page of the validators, as a node gives it: a hundred at most, and an error beyond the last.
fn validators(asked: &str, key: &PublicKey, chain: &Chain) -> Result<String, String> {
    let of = |name: &str| {
        let mut pairs = asked.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name).unwrap();
        value.parse::<usize>().unwrap()
    };
    let (page, each) = (of("page"), of("per_page").min(100));
    let total = chain.others + usize::from(chain.in_set);
    let pages = total.div_ceil(each).max(1);
    if page == 0 || page > pages {
        return Err(format!(
            "page should be within [1, {pages}] range, given {page}"
        ));
    }
    let first = (page - 1) * each;
    let members = (first..total.min(first + each)).filter(|_| !chain.empty);
    let members: Vec<String> = members
        .map(|at| {
            let address = match at == chain.others {
                true => key.address().to_string(),
                false => format!("{at:040X}"),
            };
            // All have keys of one type.
            let (kind, value) = (key.key_type().public_json_name(), Base64::encode_string(key.as_bytes()));
            format!(
                "{{\"address\":\"{address}\",\"pub_key\":{{\"type\":\"{kind}\",\"value\":\"{value}\"}},\
                 \"voting_power\":\"42\",\"proposer_priority\":\"-{at}\"}}"
            )
        })
        .collect();
    let told = chain.total.clone().unwrap_or(total.to_string());
    Ok(format!(
        "{{\"validators\":[{}],\"count\":\"{}\",\"total\":\"{told}\"}}",
        members.join(","),
        members.len()
    ))
}

/// The second of a vote: so many after 1970, in the first hour.
fn time(height: i64) -> String {
    let (minute, second) = (height / 60, height % 60);
    assert!(minute < 60, "the fake knows the first hour only");
    format!("1970-01-01T00:{minute:02}:{second:02}Z")
}
