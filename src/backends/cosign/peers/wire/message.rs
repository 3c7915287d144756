//! The messages between two members, read strictly into values.

use std::collections::BTreeMap;

use prost::Message;

use crate::codec::frame::MAX_FRAME;
use crate::consensus::{ChainId, Height, Hrs, Round, Signature, Step, Timestamp};
use crate::shares::MOST;
use crate::text::excerpt::{brief, printable};

use super::hello::PeerHello;
use super::shapes::{
    AnswerShape, AskShape, Content, HelloShape, MadeShape, Nothing, Parcel, PositionShape,
    SignedShape, StandingShape, StandsShape, Told,
};
use crate::backends::cosign::ask::{
    AskedShare, JointOnce, MadeSignature, MemberStanding, ServedAnswer, ShownNonce,
};
use crate::backends::cosign::frost::{Commitments, SignatureShare};
use crate::backends::cosign::nonces::NonceId;

/// The most nonces that one message shows.
const MOST_SHOWN: usize = 16;
/// The most bytes of a sentence, before it is told that it was cut.
const MOST_TEXT: usize = 400;
/// The most chains of which one message says the latest signature.
pub const MOST_CHAINS: usize = 64;
/// A nonce's pool and number, in bytes.
const NONCE: usize = 16;
/// Commitments, in bytes.
const COMMITMENTS: usize = 64;

/// The rest of a question, in bytes at most: numbers, the chain's id and what stands before each field.
const AROUND: usize = 256;

/// The most bytes that so many members can sign together: the question for them has to fit into a frame.
pub fn longest_asked(threshold: u16) -> usize {
    MAX_FRAME - AROUND - usize::from(threshold) * (2 + COMMITMENTS)
}

/// What one member sends to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerMessage {
    /// Who it is; the first one on each side.
    Hello(PeerHello),
    /// Nonces that may be asked for, 16 at most.
    Shown(Vec<ShownNonce>),
    /// The question for a share.
    Ask {
        /// Which question.
        number: u64,
        /// For what.
        asked: AskedShare,
    },
    /// The answer to a question.
    Answer {
        /// To which.
        number: u64,
        /// The answer.
        answer: ServedAnswer,
    },
    /// A signature that was made. It is not answered.
    Made(MadeSignature),
    /// Where it stands in each chain, 64 at most: the first one after who it is, and again now and then. Nobody who has not said it
    /// is shown nonces, so that a member that was set back knows more before anybody can ask it.
    Stands(Vec<MemberStanding>),
    /// Whether somebody is there.
    Ping(u64),
    /// The answer to the ping of this number.
    Pong(u64),
    /// The link ends, and why: one sentence.
    Bye(String),
}

/// Why bytes are not a message. The link ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerMessageError {
    /// Not protobuf, or none of the messages.
    #[error("a message that is none of those that members send")]
    NoMessage,
    /// A field that cannot be what it should be.
    #[error("a message whose {0} is not one")]
    Field(&'static str),
    /// Too much of something.
    #[error("a message with too many {0}")]
    TooMany(&'static str),
    /// It does not fit into a frame.
    #[error("a message of {0} bytes, and a frame holds {MAX_FRAME}")]
    TooLong(usize),
}

use PeerMessageError::{Field, NoMessage, TooMany};

impl PeerMessage {
    /// The bytes of a frame, with its length in front.
    ///
    /// # Errors
    /// It does not fit into one.
    pub fn encode(self) -> Result<Vec<u8>, PeerMessageError> {
        let content = match self {
            Self::Hello(hello) => Content::Hello(HelloShape {
                version: hello.version,
                id: hello.id.into(),
                boot: hello.boot,
                public_key: hello.public_key.to_vec(),
                threshold: hello.threshold.into(),
                members: hello.members.into(),
                public_share: hello.public_share.to_vec(),
            }),
            Self::Shown(nonces) => {
                let mut bytes = Vec::new();
                for shown in nonces {
                    put_nonce(shown.nonce, &mut bytes);
                    put_commitments(shown.commitments, &mut bytes)?;
                }
                Content::Shown(bytes)
            }
            Self::Ask { number, asked } => Content::Ask(ask_shape(number, asked)?),
            Self::Answer { number, answer } => Content::Answer(AnswerShape {
                number,
                told: Some(told(answer)),
            }),
            Self::Made(made) => Content::Made(made_shape(made)),
            Self::Stands(all) => Content::Stands(StandsShape {
                all: all
                    .into_iter()
                    .take(MOST_CHAINS)
                    .map(standing_shape)
                    .collect(),
            }),
            Self::Ping(number) => Content::Ping(number),
            Self::Pong(number) => Content::Pong(number),
            Self::Bye(text) => Content::Bye(sentence(&text).into_bytes()),
        };
        let content = Some(content);
        let parcel = Parcel { content };
        match parcel.encoded_len() {
            length if length > MAX_FRAME => Err(PeerMessageError::TooLong(length)),
            _ => Ok(parcel.encode_length_delimited_to_vec()),
        }
    }

    /// Reads the bytes of a frame without its length.
    ///
    /// # Errors
    /// They are no message.
    pub fn read(bytes: &[u8]) -> Result<Self, PeerMessageError> {
        let parcel = Parcel::decode(bytes).map_err(|_| NoMessage)?;
        Ok(match parcel.content.ok_or(NoMessage)? {
            Content::Hello(hello) => Self::Hello(PeerHello {
                version: hello.version,
                id: small(hello.id, "member")?,
                boot: hello.boot,
                public_key: exactly(&hello.public_key, "public key")?,
                threshold: small(hello.threshold, "threshold")?,
                members: small(hello.members, "number of members")?,
                public_share: exactly(&hello.public_share, "public share")?,
            }),
            Content::Shown(bytes) => {
                let each = records::<{ NONCE + COMMITMENTS }>(&bytes, MOST_SHOWN, "nonces")?;
                let read = |record: &[u8; NONCE + COMMITMENTS]| {
                    let (nonce, commitments) = record.split_at(NONCE);
                    Ok(ShownNonce {
                        nonce: read_nonce(nonce)?,
                        commitments: read_commitments(commitments)?,
                    })
                };
                Self::Shown(each.iter().map(read).collect::<Result<_, _>>()?)
            }
            Content::Ask(ask) => Self::Ask {
                number: ask.number,
                asked: read_ask(ask)?,
            },
            Content::Answer(answer) => Self::Answer {
                number: answer.number,
                answer: read_answer(answer.told.ok_or(NoMessage)?)?,
            },
            Content::Made(made) => Self::Made(read_made(made)?),
            Content::Stands(stands) => {
                if stands.all.len() > MOST_CHAINS {
                    return Err(TooMany("chains"));
                }
                let all = stands.all.into_iter().map(read_standing);
                Self::Stands(all.collect::<Result<_, _>>()?)
            }
            Content::Ping(number) => Self::Ping(number),
            Content::Pong(number) => Self::Pong(number),
            Content::Bye(text) => Self::Bye(sentence(&String::from_utf8_lossy(&text))),
        })
    }
}

fn made_shape(made: MadeSignature) -> MadeShape {
    MadeShape {
        chain_id: made.chain_id.as_str().as_bytes().to_vec(),
        bytes: made.bytes,
        signature: made.signature.as_slice().to_vec(),
    }
}

fn read_made(made: MadeShape) -> Result<MadeSignature, PeerMessageError> {
    Ok(MadeSignature {
        chain_id: ChainId::read(&made.chain_id).map_err(|_| Field("chain id"))?,
        bytes: made.bytes,
        signature: read_signature(&made.signature)?,
    })
}

fn standing_shape(standing: MemberStanding) -> StandingShape {
    StandingShape {
        chain_id: standing.chain_id.as_str().as_bytes().to_vec(),
        at: standing.at.map(position_shape),
        made: standing.made.map(made_shape),
        began: standing.began.map(position_shape),
        refuses: standing.refuses.map(|why| sentence(&why).into_bytes()),
    }
}

fn position_shape(at: Hrs) -> PositionShape {
    PositionShape {
        height: at.height.get(),
        round: at.round.get(),
        step: at.step.number().into(),
    }
}

fn read_position(at: PositionShape) -> Result<Hrs, PeerMessageError> {
    let step = u8::try_from(at.step).ok().and_then(Step::from_number);
    Ok(Hrs {
        height: Height::new(at.height).ok_or(Field("height"))?,
        round: Round::new(at.round).ok_or(Field("round"))?,
        step: step.ok_or(Field("step"))?,
    })
}

fn read_standing(standing: StandingShape) -> Result<MemberStanding, PeerMessageError> {
    Ok(MemberStanding {
        chain_id: ChainId::read(&standing.chain_id).map_err(|_| Field("chain id"))?,
        began: standing.began.map(read_position).transpose()?,
        at: standing.at.map(read_position).transpose()?,
        made: standing.made.map(read_made).transpose()?,
        refuses: standing
            .refuses
            .map(|why| sentence(&String::from_utf8_lossy(&why))),
    })
}

fn ask_shape(number: u64, asked: AskedShare) -> Result<AskShape, PeerMessageError> {
    let mut nonce = Vec::new();
    put_nonce(asked.nonce, &mut nonce);
    let mut commitments = Vec::new();
    for (id, of_member) in asked.commitments {
        commitments.extend_from_slice(&id.to_be_bytes());
        put_commitments(of_member, &mut commitments)?;
    }
    Ok(AskShape {
        number,
        chain_id: asked.chain_id.as_str().as_bytes().to_vec(),
        bytes: asked.bytes,
        nonce,
        commitments,
    })
}

fn read_ask(ask: AskShape) -> Result<AskedShare, PeerMessageError> {
    let each = records::<{ 2 + COMMITMENTS }>(&ask.commitments, MOST, "commitments")?;
    let mut commitments = BTreeMap::new();
    for record in each {
        let (id, of_member) = record.split_at(2);
        let id = u16::from_be_bytes(exactly(id, "member")?);
        let unread = Commitments::unread(exactly(of_member, "commitments")?);
        let before = commitments.insert(id, unread);
        if before.is_some() || id == 0 || usize::from(id) > MOST {
            return Err(Field("member"));
        }
    }
    Ok(AskedShare {
        chain_id: ChainId::read(&ask.chain_id).map_err(|_| Field("chain id"))?,
        bytes: ask.bytes,
        nonce: read_nonce(&ask.nonce)?,
        commitments,
        joint: JointOnce::default(),
    })
}

fn told(answer: ServedAnswer) -> Told {
    match answer {
        ServedAnswer::Share(share) => Told::Share(share.to_bytes()),
        ServedAnswer::Locked(bytes) => Told::Locked(bytes),
        ServedAnswer::Signed {
            signature,
            timestamp,
        } => Told::Signed(SignedShape {
            signature: signature.as_slice().to_vec(),
            seconds: timestamp.seconds,
            nanos: timestamp.nanos,
        }),
        ServedAnswer::NoNonce => Told::NoNonce(Nothing {}),
        ServedAnswer::Refused(why) => Told::Refused(sentence(&why).into_bytes()),
        ServedAnswer::NotYet(why) => Told::NotYet(sentence(&why).into_bytes()),
        ServedAnswer::Busy => Told::Busy(Nothing {}),
    }
}

fn read_answer(told: Told) -> Result<ServedAnswer, PeerMessageError> {
    Ok(match told {
        Told::Share(share) => {
            let share = SignatureShare::from_bytes(&exactly(&share, "share")?);
            ServedAnswer::Share(share.map_err(|_| Field("share"))?)
        }
        Told::Locked(bytes) => ServedAnswer::Locked(bytes),
        Told::Signed(signed) => ServedAnswer::Signed {
            signature: read_signature(&signed.signature)?,
            timestamp: Timestamp {
                seconds: signed.seconds,
                nanos: signed.nanos,
            },
        },
        Told::NoNonce(Nothing {}) => ServedAnswer::NoNonce,
        Told::Refused(why) => ServedAnswer::Refused(sentence(&String::from_utf8_lossy(&why))),
        Told::NotYet(why) => ServedAnswer::NotYet(sentence(&String::from_utf8_lossy(&why))),
        Told::Busy(Nothing {}) => ServedAnswer::Busy,
    })
}

fn read_signature(bytes: &[u8]) -> Result<Signature, PeerMessageError> {
    let bytes: [u8; 64] = exactly(bytes, "signature")?;
    Ok(Signature::from_bytes(bytes.to_vec()))
}

fn put_nonce(nonce: NonceId, to: &mut Vec<u8>) {
    to.extend_from_slice(&nonce.pool.to_be_bytes());
    to.extend_from_slice(&nonce.number.to_be_bytes());
}

fn read_nonce(bytes: &[u8]) -> Result<NonceId, PeerMessageError> {
    let bytes: [u8; NONCE] = exactly(bytes, "nonce")?;
    let (pool, number) = bytes.split_at(NONCE / 2);
    Ok(NonceId {
        pool: u64::from_be_bytes(exactly(pool, "nonce")?),
        number: u64::from_be_bytes(exactly(number, "nonce")?),
    })
}

fn put_commitments(commitments: Commitments, to: &mut Vec<u8>) -> Result<(), PeerMessageError> {
    let bytes = commitments.to_bytes().map_err(|_| Field("commitments"))?;
    to.extend_from_slice(&bytes);
    Ok(())
}

fn read_commitments(bytes: &[u8]) -> Result<Commitments, PeerMessageError> {
    let bytes = exactly(bytes, "commitments")?;
    Commitments::from_bytes(&bytes).map_err(|_| Field("commitments"))
}

/// One line of what another member wrote, cut. What takes the place of a control character is longer than it was.
fn sentence(text: &str) -> String {
    let line = text.replace(['\n', '\t'], " ");
    brief(&printable(&line), MOST_TEXT).into_owned()
}

fn small(number: u32, what: &'static str) -> Result<u16, PeerMessageError> {
    u16::try_from(number).map_err(|_| Field(what))
}

fn exactly<const N: usize>(bytes: &[u8], what: &'static str) -> Result<[u8; N], PeerMessageError> {
    bytes.try_into().map_err(|_| Field(what))
}

/// At most `most` records of `N` bytes each.
fn records<'a, const N: usize>(
    bytes: &'a [u8],
    most: usize,
    what: &'static str,
) -> Result<&'a [[u8; N]], PeerMessageError> {
    match bytes.as_chunks::<N>() {
        (each, []) if each.len() <= most => Ok(each),
        (_, []) => Err(TooMany(what)),
        _ => Err(Field(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::cosign::deal::deal;
    use crate::backends::cosign::frost::Party;
    use crate::backends::softsign::key::SoftKey;
    use crate::consensus::KeyType;
    use crate::shares::Quorum;

    fn commitments() -> Commitments {
        let key = SoftKey::from_bytes(&[3; 32], KeyType::Ed25519).unwrap();
        let quorum = Quorum::new(2, 2).unwrap();
        let shares = deal(&key.scalar().unwrap(), &key.public_key(), quorum).unwrap();
        Party::new(&shares[0]).unwrap().commit().1
    }

    const NONCE_ID: NonceId = NonceId {
        pool: u64::MAX,
        number: 3,
    };

    fn standing(step: Step) -> MemberStanding {
        let chain_id: ChainId = "c-1".parse().unwrap();
        MemberStanding {
            chain_id: chain_id.clone(),
            began: Some(Hrs::end_of(Height::FIRST)),
            at: Some(Hrs {
                height: Height::new(i64::MAX).unwrap(),
                round: Round::FIRST,
                step,
            }),
            made: Some(MadeSignature {
                chain_id,
                bytes: vec![1; 300],
                signature: Signature::from_bytes(vec![4; 64]),
            }),
            refuses: Some("the chain is paused".to_owned()),
        }
    }

    fn ask() -> AskedShare {
        AskedShare {
            chain_id: "c-1".parse().unwrap(),
            bytes: vec![1, 2, 3],
            nonce: NONCE_ID,
            commitments: BTreeMap::from([(1, commitments()), (12, commitments())]),
            joint: Default::default(),
        }
    }

    fn there_and_back(message: PeerMessage) -> Result<PeerMessage, PeerMessageError> {
        let framed = message.encode()?;
        let mut decoder = crate::codec::frame::Decoder::default();
        decoder.push(&framed);
        PeerMessage::read(decoder.next_frame().unwrap().unwrap())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let hello = PeerHello {
            version: PeerHello::VERSION,
            id: 12,
            boot: u64::MAX,
            public_key: [1; 32],
            threshold: 7,
            members: 12,
            public_share: [2; 32],
        };
        let shown = ShownNonce {
            nonce: NONCE_ID,
            commitments: commitments(),
        };
        let answer = |answer| PeerMessage::Answer { number: 9, answer };
        let mut one = [0; 32];
        one[0] = 1;
        let all = [
            PeerMessage::Hello(hello),
            PeerMessage::Shown(vec![shown; MOST_SHOWN]),
            PeerMessage::Shown(Vec::new()),
            PeerMessage::Ask {
                number: 1,
                asked: ask(),
            },
            answer(ServedAnswer::Share(
                SignatureShare::from_bytes(&one).unwrap(),
            )),
            answer(ServedAnswer::Locked(vec![7; 1 << 20])),
            answer(ServedAnswer::Signed {
                signature: Signature::from_bytes(vec![4; 64]),
                timestamp: Timestamp {
                    seconds: -1,
                    nanos: 999_999_999,
                },
            }),
            answer(ServedAnswer::NoNonce),
            answer(ServedAnswer::Refused("no".to_owned())),
            answer(ServedAnswer::NotYet("in a moment".to_owned())),
            answer(ServedAnswer::Busy),
            PeerMessage::Made(MadeSignature {
                chain_id: "c-1".parse().unwrap(),
                bytes: vec![1; 300],
                signature: Signature::from_bytes(vec![4; 64]),
            }),
            PeerMessage::Stands(Vec::new()),
            PeerMessage::Stands(vec![standing(Step::Precommit); MOST_CHAINS]),
            PeerMessage::Stands(vec![MemberStanding {
                began: None,
                at: None,
                made: None,
                refuses: None,
                ..standing(Step::Propose)
            }]),
            PeerMessage::Ping(u64::MAX),
            PeerMessage::Pong(0),
            PeerMessage::Bye("because".to_owned()),
        ];
        for message in all {
            assert_eq!(there_and_back(message.clone()), Ok(message));
        }
    }

    #[test]
    fn the_longest_question_fits() {
        let shown = commitments();
        for threshold in [2, MOST as u16] {
            let all = (1..=threshold).map(|id| (id, shown.clone())).collect();
            let chain_id: ChainId = "c".repeat(50).parse().unwrap();
            let asked = AskedShare {
                chain_id,
                bytes: vec![1; longest_asked(threshold)],
                commitments: all,
                ..ask()
            };
            let number = u64::MAX;
            let message = PeerMessage::Ask { number, asked };
            assert_eq!(there_and_back(message.clone()), Ok(message));
        }
    }

    #[test]
    fn a_sentence_is_one_line_and_short() {
        let told = "a\n\u{1b}[2J".repeat(1000);
        // It fits, and what stands for its control characters does not.
        let fits = format!("a{}", "\u{1}".repeat(MOST_TEXT - 1));
        for message in [
            PeerMessage::Bye(fits),
            PeerMessage::Bye(told.clone()),
            PeerMessage::Answer {
                number: 1,
                answer: ServedAnswer::Refused(told),
            },
        ] {
            let read = there_and_back(message).unwrap();
            let (PeerMessage::Bye(text)
            | PeerMessage::Answer {
                answer: ServedAnswer::Refused(text),
                ..
            }) = read
            else {
                panic!("{read:?}")
            };
            assert!(text.len() < 2 * MOST_TEXT, "{}", text.len());
            assert!(!text.chars().any(char::is_control), "{text:?}");
            assert!(text.starts_with('a') && text.ends_with("in all)"), "{text}");
        }
        // Also where the other side does not cut it.
        let long = Parcel {
            content: Some(Content::Bye(vec![0xff; 1 << 20])),
        };
        let Ok(PeerMessage::Bye(text)) = PeerMessage::read(&long.encode_to_vec()) else {
            panic!("it is one")
        };
        assert!(text.len() < 2 * MOST_TEXT);
    }

    fn read(content: Content) -> Result<PeerMessage, PeerMessageError> {
        let content = Some(content);
        PeerMessage::read(&Parcel { content }.encode_to_vec())
    }

    #[test]
    fn what_is_too_much_or_not_what_it_should_be_is_refused() {
        assert_eq!(PeerMessage::read(&[]), Err(NoMessage));
        assert_eq!(PeerMessage::read(&[0xff; 9]), Err(NoMessage));
        // A message of a later version.
        assert_eq!(PeerMessage::read(&[0x52, 0]), Err(NoMessage));
        let stands = |edit: &dyn Fn(&mut StandingShape), many| {
            let mut shape = standing_shape(standing(Step::Prevote));
            edit(&mut shape);
            let all = vec![shape; many];
            read(Content::Stands(StandsShape { all })).map(drop)
        };
        let at = |height, round, step| PositionShape {
            height,
            round,
            step,
        };
        assert_eq!(stands(&|_| (), MOST_CHAINS), Ok(()));
        assert_eq!(stands(&|_| (), MOST_CHAINS + 1), Err(TooMany("chains")));
        assert_eq!(
            stands(&|shape| shape.at = Some(at(-1, 0, 1)), 1),
            Err(Field("height"))
        );
        assert_eq!(
            stands(&|shape| shape.began = Some(at(1, -1, 1)), 1),
            Err(Field("round"))
        );
        for step in [0, 4, u32::MAX] {
            assert_eq!(
                stands(&|shape| shape.at = Some(at(1, 0, step)), 1),
                Err(Field("step"))
            );
        }
        let record = [&[0; NONCE][..], &commitments().to_bytes().unwrap()].concat();
        let shown = |bytes: Vec<u8>| read(Content::Shown(bytes)).map(drop);
        assert_eq!(shown(record.repeat(MOST_SHOWN)), Ok(()));
        let many = shown(record.repeat(MOST_SHOWN + 1));
        assert_eq!(many, Err(TooMany("nonces")));
        assert_eq!(shown(record[1..].to_vec()), Err(Field("nonces")));
        assert_eq!(
            shown(vec![0; NONCE + COMMITMENTS]),
            Err(Field("commitments"))
        );

        let asked = |edit: &dyn Fn(&mut AskShape)| {
            let mut shape = ask_shape(1, ask()).unwrap();
            edit(&mut shape);
            read(Content::Ask(shape)).map(drop)
        };
        assert_eq!(asked(&|_| ()), Ok(()));
        let chain = asked(&|ask| ask.chain_id = vec![b'c'; 51]);
        assert_eq!(chain, Err(Field("chain id")));
        let nonce = asked(&|ask| ask.nonce.push(0));
        assert_eq!(nonce, Err(Field("nonce")));
        let twice = asked(&|ask| ask.commitments = ask.commitments[..66].repeat(2));
        assert_eq!(twice, Err(Field("member")));
        for id in [0, 13, 255] {
            let stranger = asked(&|ask| ask.commitments[1] = id);
            assert_eq!(stranger, Err(Field("member")));
        }
        let many = asked(&|ask| ask.commitments = ask.commitments[..66].repeat(MOST + 1));
        assert_eq!(many, Err(TooMany("commitments")));

        let answered = |told| {
            let told = Some(told);
            read(Content::Answer(AnswerShape { number: 1, told })).map(drop)
        };
        // Not below the order of the group.
        assert_eq!(answered(Told::Share(vec![0xff; 32])), Err(Field("share")));
        assert_eq!(answered(Told::Share(vec![0; 31])), Err(Field("share")));
        let signed = answered(Told::Signed(SignedShape::default()));
        assert_eq!(signed, Err(Field("signature")));
        let made = read(Content::Made(MadeShape {
            chain_id: b"c".to_vec(),
            ..MadeShape::default()
        }));
        assert_eq!(made, Err(Field("signature")));
        let nothing = AnswerShape::default();
        assert_eq!(read(Content::Answer(nothing)), Err(NoMessage));
        let hello = read(Content::Hello(HelloShape {
            id: 1 << 16,
            ..HelloShape::default()
        }));
        assert_eq!(hello, Err(Field("member")));
    }

    #[test]
    fn what_does_not_fit_into_a_frame_is_not_sent() {
        let mut long = ask();
        long.bytes = vec![0; MAX_FRAME];
        let message = PeerMessage::Ask {
            number: 1,
            asked: long,
        };
        assert!(matches!(
            message.encode(),
            Err(PeerMessageError::TooLong(_))
        ));
    }
}
