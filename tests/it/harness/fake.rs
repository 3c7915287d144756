//! A small signer that does everything right, but for one fault.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ed25519_dalek::{Signer as _, SigningKey};
use tmkms::codec::frame::Decoder;
use tmkms::codec::{decode, encode};
use tmkms::consensus::{PublicKey, Signature, Step, Timestamp};
use tmkms::reply::{RemoteError, Reply, Signed};
use tmkms::request::{Asked, Message, Request, SignRequest};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    RefusesKey,
    UnknownKeyType,
    KeyFormsDiffer,
    KeyChanges,
    NoPong,
    HangsUpAfterPing,
    WrongSignatures,
    SignsAnotherChain,
    AnotherTime,
    DropsPolRound,
    ProposalAsVote,
    Garbage,
    PrevotesWrong,
    RefusesPrecommits,
    RefusesNil,
    NoExtension,
    EmptyExtensionUnsigned,
    ExtensionEverywhere,
    RefusesSkip,
    EchoesExtension,
    ComparesAcrossSteps,
    RefusesReplays,
    ReplaysWithoutExtension,
    SignsReplaysAnew,
    ReplaysWithNewTime,
    RefusesOtherTime,
    DoubleSigns,
    SignsNilToo,
    IgnoresPolRound,
    ForgetsHeights,
    ForgetsRounds,
    ForgetsSteps,
    AnyChain,
    HangsUpOnRefusal,
    SilentOnRefusal,
    OneReadOneFrame,
    OneFrameARead,
    DialsOnce,
    ForgetsOnRedial,
    DiesWhenAskedToSign,
    SignsRaw,
    DiesOfLongFrames,
    DiesOfOddVotes,
    SignsOddVotes,
}

/// What the node does next.
enum Next {
    Answer(Vec<u8>),
    LastAnswer(Vec<u8>),
    Nothing,
    HangUp,
    Die,
}

struct Last {
    request: SignRequest,
    signature: Signature,
    extension: Option<Signature>,
}

pub struct Fake {
    chain: &'static str,
    fault: Fault,
    key: SigningKey,
    last: Option<Last>,
    keys_asked: u32,
}

/// Ends the thread.
pub struct Stop {
    flag: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.flag.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Dials this socket again and again.
pub fn start(path: PathBuf, chain: &'static str, fault: Fault) -> Stop {
    let flag = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&flag);
    let thread = thread::spawn(move || {
        let mut fake = Fake {
            chain,
            fault,
            key: SigningKey::from_bytes(&[5; 32]),
            last: None,
            keys_asked: 0,
        };
        while !stop.load(Ordering::SeqCst) {
            match UnixStream::connect(&path) {
                Ok(stream) => {
                    if !fake.serve(stream, &stop) {
                        return;
                    }
                }
                Err(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
    });
    Stop {
        flag,
        thread: Some(thread),
    }
}

impl Fake {
    /// Whether to dial again.
    fn serve(&mut self, mut stream: UnixStream, stop: &AtomicBool) -> bool {
        if self.fault == Fault::ForgetsOnRedial {
            self.last = None;
        }
        let wait = Some(Duration::from_millis(20));
        stream.set_read_timeout(wait).unwrap();
        let (mut decoder, mut buffer) = (Decoder::default(), vec![0; 64 * 1024]);
        while !stop.load(Ordering::SeqCst) {
            let count = match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            };
            if self.fault == Fault::OneReadOneFrame || self.fault == Fault::OneFrameARead {
                decoder = Decoder::default();
            }
            decoder.push(&buffer[..count]);
            loop {
                let partial = decoder.is_partial() && !decoder.is_complete().unwrap_or(true);
                let next = match decoder.next_frame() {
                    Ok(Some(frame)) => self.next(frame),
                    Ok(None) if self.fault == Fault::OneReadOneFrame && partial => Next::HangUp,
                    Ok(None) => break,
                    Err(_) if self.fault == Fault::DiesOfLongFrames => Next::Die,
                    Err(_) if self.fault == Fault::OneFrameARead => Next::Nothing,
                    Err(_) => Next::HangUp,
                };
                match next {
                    Next::Answer(bytes) => {
                        if stream.write_all(&bytes).is_err() {
                            break;
                        }
                    }
                    Next::LastAnswer(bytes) => {
                        let _ = stream.write_all(&bytes);
                        return true;
                    }
                    Next::Nothing => {}
                    Next::HangUp => return true,
                    Next::Die => return false,
                }
                if self.fault == Fault::OneFrameARead {
                    break;
                }
            }
        }
        self.fault != Fault::DialsOnce
    }

    fn next(&mut self, frame: &[u8]) -> Next {
        let fault = self.fault;
        let request = match decode(frame) {
            Ok(request) => request,
            // What came in several reads or in one is the system's choice: such a signer may take a frame's middle for
            // the beginning of one.
            Err(_) if fault == Fault::OneFrameARead => return Next::Nothing,
            Err(_) if fault == Fault::OneReadOneFrame => return Next::HangUp,
            Err(error) => panic!("{error}"),
        };
        let harmless = matches!(request, Request::Ping | Request::PublicKey { .. });
        if fault == Fault::DiesWhenAskedToSign && !harmless {
            return Next::Die;
        }
        match request {
            Request::Ping if fault == Fault::NoPong => Next::Nothing,
            Request::Ping if fault == Fault::HangsUpAfterPing => match reply(&Reply::Pong) {
                Next::Answer(bytes) => Next::LastAnswer(bytes),
                other => other,
            },
            Request::Ping => reply(&Reply::Pong),
            Request::PublicKey { chain_id } => {
                self.public_key(chain_id.as_ref().map_or("", |chain_id| chain_id.as_str()))
            }
            Request::Sign(request) => self.sign(request),
            Request::SignRaw(_) if fault == Fault::SignsRaw => {
                // The signature alone; which bytes it covers is the harness's to find out.
                Next::Answer(envelope(10, &field(1, &[7; 64])))
            }
            Request::SignRaw(_) => reply(&Reply::RawRefused(error("no raw bytes"))),
            Request::Invalid(_) if fault == Fault::DiesOfOddVotes => Next::Die,
            Request::Invalid(_) if fault == Fault::SignsOddVotes => {
                Next::Answer(envelope(4, &field(1, &field(8, &[7; 64]))))
            }
            Request::Invalid(invalid) => refuse(invalid.asked, "not valid"),
        }
    }

    fn public_key(&mut self, chain_id: &str) -> Next {
        self.keys_asked += 1;
        let mut bytes = self.key.verifying_key().to_bytes();
        if self.fault == Fault::KeyChanges && self.keys_asked > 1 {
            bytes = SigningKey::from_bytes(&[6; 32]).verifying_key().to_bytes();
        }
        let old = field(1, &field(1, &bytes));
        let new = |kind: &str| [field(3, &bytes), field(4, kind.as_bytes())].concat();
        match self.fault {
            Fault::RefusesKey => reply(&Reply::PublicKey(Err(error("no such chain")))),
            Fault::UnknownKeyType => Next::Answer(envelope(2, &new("sr25519"))),
            Fault::KeyFormsDiffer => Next::Answer(envelope(2, &[old, new("secp256k1")].concat())),
            _ if chain_id != self.chain && self.fault != Fault::AnyChain => {
                reply(&Reply::PublicKey(Err(error("no such chain"))))
            }
            _ => reply(&Reply::PublicKey(Ok(PublicKey::Ed25519(bytes)))),
        }
    }

    fn sign(&mut self, request: SignRequest) -> Next {
        let fault = self.fault;
        let (asked, step) = (request.asked(), request.hrs().step);
        let nil = request.block().is_none();
        if fault == Fault::Garbage {
            return Next::Answer(vec![3, 0xff, 0xff, 0xff]);
        }
        if request.chain_id.as_str() != self.chain {
            return match fault {
                Fault::AnyChain => self.sign_new(request),
                _ => self.refusal(asked, "another chain"),
            };
        }
        let skip = request
            .extension()
            .is_some_and(|(_, _, extension)| extension.skip);
        let refused = match fault {
            Fault::RefusesPrecommits => step == Step::Precommit,
            Fault::RefusesNil => nil,
            Fault::RefusesSkip => skip,
            _ => false,
        };
        if refused {
            return self.refusal(asked, "not today");
        }
        let Some(last) = &self.last else {
            return self.sign_new(request);
        };
        let (ours, theirs) = (last.request.hrs(), request.hrs());
        if theirs > ours {
            let across = ours.height == theirs.height
                && ours.round == theirs.round
                && last.request.block() != request.block();
            return match fault == Fault::ComparesAcrossSteps && across {
                true => self.refusal(asked, "another block than before"),
                false => self.sign_new(request),
            };
        }
        if theirs < ours {
            let allowed = match fault {
                Fault::ForgetsHeights => theirs.height < ours.height,
                Fault::ForgetsRounds => theirs.height == ours.height && theirs.round < ours.round,
                Fault::ForgetsSteps => theirs.height == ours.height && theirs.round == ours.round,
                _ => false,
            };
            return match allowed {
                true => self.sign_new(request),
                false => self.refusal(asked, &format!("regression, last height {}", ours.height)),
            };
        }
        let before = last.request.sign_bytes().position().unwrap();
        let now = request.sign_bytes().position().unwrap();
        let alike = fault == Fault::IgnoresPolRound && before.block == now.block;
        if !alike && !before.same_but_for_time(&now) {
            return match fault {
                Fault::DoubleSigns => self.sign_new(request),
                Fault::SignsNilToo if nil => self.sign_new(request),
                _ => self.refusal(asked, "conflict"),
            };
        }
        let same = before.timestamp == now.timestamp;
        match fault {
            Fault::RefusesReplays => self.refusal(asked, "signed before"),
            Fault::RefusesOtherTime if !same => self.refusal(asked, "another time"),
            Fault::SignsReplaysAnew if !same => self.sign_new(request),
            _ => {
                let time = match fault {
                    Fault::ReplaysWithNewTime => now.timestamp,
                    _ => before.timestamp,
                };
                let extension = match fault {
                    Fault::ReplaysWithoutExtension => None,
                    _ => last.extension.clone(),
                };
                let signature = last.signature.clone();
                self.signed(request, time, signature, extension)
            }
        }
    }

    fn sign_new(&mut self, request: SignRequest) -> Next {
        let fault = self.fault;
        let step = request.hrs().step;
        let mut of = request.clone();
        if fault == Fault::SignsAnotherChain {
            of.chain_id = "elsewhere-1".parse().unwrap();
        }
        if let (Fault::DropsPolRound, Message::Proposal(proposal)) = (fault, &mut of.message) {
            proposal.pol_round = None;
        }
        let mut time = of.sign_bytes().position().unwrap().timestamp;
        if fault == Fault::AnotherTime {
            time.seconds += 1;
            let at = match &mut of.message {
                Message::Proposal(proposal) => &mut proposal.timestamp,
                Message::Prevote(vote) => &mut vote.timestamp,
                Message::Precommit(vote) => &mut vote.timestamp,
            };
            *at = time;
        }
        let mut signature = self.signature(of.sign_bytes().as_slice());
        if fault == Fault::WrongSignatures
            || (fault == Fault::PrevotesWrong && step == Step::Prevote)
        {
            signature = Signature::from_bytes(vec![7; 64]);
        }
        let extension = of.extension().and_then(|(height, round, extension)| {
            let unsigned = extension.skip
                || fault == Fault::NoExtension
                || (fault == Fault::EmptyExtensionUnsigned && extension.data.is_empty());
            let bytes = tmkms::consensus::SignBytes::extension(
                &of.chain_id,
                height,
                round,
                &extension.data,
            );
            (!unsigned).then(|| self.signature(bytes.as_slice()))
        });
        let extension = match fault {
            Fault::ExtensionEverywhere if extension.is_none() => Some(self.signature(b"extension")),
            _ => extension,
        };
        self.last = Some(Last {
            request: request.clone(),
            signature: signature.clone(),
            extension: extension.clone(),
        });
        self.signed(request, time, signature, extension)
    }

    fn signed(
        &self,
        request: SignRequest,
        timestamp: Timestamp,
        signature: Signature,
        extension_signature: Option<Signature>,
    ) -> Next {
        if let (Fault::EchoesExtension, Some((_, _, extension))) = (self.fault, request.extension())
        {
            let seconds = varint(timestamp.seconds as u64);
            let nanos = varint(timestamp.nanos as u64);
            let time = [vec![0x08], seconds, vec![0x10], nanos].concat();
            let skipped = extension_signature
                .map_or_else(Vec::new, |signature| field(10, signature.as_slice()));
            let vote = [
                field(5, &time),
                field(8, signature.as_slice()),
                field(9, &extension.data),
                skipped,
            ];
            return Next::Answer(envelope(4, &field(1, &vote.concat())));
        }
        if self.fault == Fault::ProposalAsVote && request.asked() == Asked::Proposal {
            return Next::Answer(envelope(4, &field(1, &field(8, signature.as_slice()))));
        }
        reply(&Reply::Signed(Box::new(Signed {
            request,
            timestamp,
            signature,
            extension_signature,
        })))
    }

    fn signature(&self, bytes: &[u8]) -> Signature {
        Signature::from_bytes(self.key.sign(bytes).to_bytes().to_vec())
    }

    fn refusal(&self, asked: Asked, words: &str) -> Next {
        match self.fault {
            Fault::HangsUpOnRefusal => Next::HangUp,
            Fault::SilentOnRefusal => Next::Nothing,
            _ => refuse(asked, words),
        }
    }
}

fn error(words: &str) -> RemoteError {
    RemoteError {
        code: 1,
        description: words.to_owned(),
    }
}

fn refuse(asked: Asked, words: &str) -> Next {
    reply(&Reply::Refused {
        asked,
        error: error(words),
    })
}

fn reply(reply: &Reply) -> Next {
    let mut out = Vec::new();
    encode(reply, &mut out);
    Next::Answer(out)
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A field of bytes.
fn field(tag: u64, bytes: &[u8]) -> Vec<u8> {
    [
        varint(tag << 3 | 2),
        varint(bytes.len() as u64),
        bytes.to_vec(),
    ]
    .concat()
}

fn envelope(tag: u64, body: &[u8]) -> Vec<u8> {
    let message = field(tag, body);
    [varint(message.len() as u64), message].concat()
}
