//! THE TABLE of reasons why a request has no signature: each with its label, its code on the wire and its meaning.
//!
//! Logs, metrics, replies and `docs/protocol.md` are made from it or tested against it. A new reason is a variant and a row
//! here, the variant of the gate's `refusal::Reason` that carries its details, and a row in the document.

/// The `RemoteSignerError` code of a public key that is not known.
pub const NO_PUBLIC_KEY: i32 = 21;

/// Why a request has no signature, without the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonKind {
    /// Outside of what consensus knows (W10).
    Invalid,
    /// Another chain than the configured one.
    WrongChain,
    /// Other data at the last position: signing would be a double sign (W1).
    Conflict,
    /// The last position, of which the data is not known (W8).
    UsedUp,
    /// Below the watermark (W2).
    Regression,
    /// The token bucket of heights is empty (W11).
    TooFarAhead,
    /// Half of the state was unreadable.
    DamagedState,
    /// The watermark cannot be written (W8).
    NotDurable,
    /// Key or state is missing (W7).
    NotArmed,
    /// The deadline passed before the request's turn (W4).
    Busy,
    /// Above the validator's `max_height`.
    AboveMaxHeight,
    /// Raw bytes that are not signed (W12).
    RawBytes,
    /// The key or device gave no signature.
    SignerFailed,
    /// A signature was ready too late and did not leave (W16).
    Late,
    /// The chain was handed over to another host (W21).
    MovedOut,
    /// The chain is paused (W22).
    Paused,
    /// The chain is served to one node at a time, and this is another one.
    OtherNode,
    /// At or below a height that the chain has left behind, as `state_hook` or `rpc` says.
    BelowFloor,
    /// The chain's word is waited for before anything is signed.
    AwaitsChain,
}

/// One row of the table.
struct Row {
    label: &'static str,
    wire_code: Option<i32>,
    meaning: &'static str,
}

impl ReasonKind {
    /// All of them, in the order of [`ReasonKind::index`].
    pub const ALL: [ReasonKind; 19] = [
        Self::Invalid,
        Self::WrongChain,
        Self::Conflict,
        Self::UsedUp,
        Self::Regression,
        Self::TooFarAhead,
        Self::DamagedState,
        Self::NotDurable,
        Self::NotArmed,
        Self::Busy,
        Self::AboveMaxHeight,
        Self::RawBytes,
        Self::SignerFailed,
        Self::Late,
        Self::MovedOut,
        Self::Paused,
        Self::OtherNode,
        Self::BelowFloor,
        Self::AwaitsChain,
    ];

    const fn row(self) -> Row {
        let (label, wire_code, meaning) = match self {
            Self::Invalid => (
                "invalid",
                Some(1),
                "outside of what consensus knows; so is a chain id of more than 50 bytes, also in a request for the public key",
            ),
            Self::WrongChain => (
                "wrong_chain",
                Some(2),
                "another chain than the configured one",
            ),
            Self::Regression => ("regression", Some(3), "lower height, round or step"),
            Self::Conflict => ("conflict", Some(4), "other data at the last position"),
            Self::UsedUp => (
                "used_up",
                Some(5),
                "the last position, of which the data is not known",
            ),
            Self::TooFarAhead => (
                "too_far_ahead",
                Some(6),
                "the token bucket of heights is empty",
            ),
            Self::DamagedState => (
                "damaged_state",
                Some(7),
                "half of the state was unreadable at start",
            ),
            Self::NotDurable => ("not_durable", Some(8), "the disk failed"),
            Self::NotArmed => ("not_armed", Some(9), "key or state is missing"),
            Self::Busy => (
                "busy",
                Some(10),
                "the deadline passed before the request's turn",
            ),
            Self::AboveMaxHeight => (
                "above_max_height",
                Some(11),
                "`max_height` of the validator",
            ),
            Self::RawBytes => (
                "raw_bytes",
                Some(12),
                "raw bytes are not signed: not allowed, of another dialect or purpose, too long, or a consensus message in disguise",
            ),
            Self::MovedOut => (
                "moved_out",
                Some(14),
                "the chain was handed over to another host with `state move out`",
            ),
            Self::Paused => (
                "paused",
                Some(13),
                "the chain is paused, altogether or from a height on: by the operator, or because a second signer has its key",
            ),
            Self::OtherNode => (
                "other_node",
                Some(15),
                "`nodes = \"sticky\"`: the chain is served to another node",
            ),
            Self::BelowFloor => (
                "below_floor",
                Some(16),
                "`state_hook`, `floor` or `doppelganger`: the chain has left this height behind",
            ),
            Self::AwaitsChain => (
                "awaits_chain",
                Some(17),
                "`floor` or `doppelganger_blocks`: the chain's word is waited for before the first signature",
            ),
            Self::SignerFailed => ("signer_failed", Some(20), "the key or device failed"),
            Self::Late => (
                "late",
                None,
                "the signature was ready too late; nothing is answered and the link ends",
            ),
        };
        Row {
            label,
            wire_code,
            meaning,
        }
    }

    /// A stable word for logs, metrics and `status`.
    pub const fn label(self) -> &'static str {
        self.row().label
    }

    /// The code of the `RemoteSignerError` in the reply, which nodes do not interpret; `None` where nothing is replied.
    pub const fn wire_code(self) -> Option<i32> {
        self.row().wire_code
    }

    /// What it means, as the documents say it.
    pub const fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// Whether signing would have been a double sign.
    pub const fn is_double_sign(self) -> bool {
        matches!(self, Self::Conflict)
    }

    /// Its place in [`ReasonKind::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_has_its_place_a_label_and_a_code_of_its_own() {
        let mut labels = HashSet::new();
        let mut codes = HashSet::from([NO_PUBLIC_KEY]);
        for (place, reason) in ReasonKind::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), place, "{reason:?}");
            assert!(labels.insert(reason.label()), "{reason:?}");
            if let Some(code) = reason.wire_code() {
                assert!(codes.insert(code), "{reason:?}");
            }
        }
    }

    #[test]
    fn the_document_has_exactly_this_table() {
        let text = std::fs::read_to_string("docs/protocol.md").unwrap();
        let written: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("| ") && !line.starts_with("| code"))
            .collect();
        let mut rows: Vec<(i32, String)> = ReasonKind::ALL
            .into_iter()
            .map(|reason| {
                let code = reason.wire_code();
                let shown = code.map_or_else(String::new, |code| format!("{code} "));
                let (label, meaning) = (reason.label(), reason.meaning());
                let row = format!("| {shown}| `{label}` | {meaning} |");
                (code.unwrap_or(i32::MAX), row)
            })
            .collect();
        let no_key = format!("| {NO_PUBLIC_KEY} | | no public key is known for the chain |");
        rows.push((NO_PUBLIC_KEY, no_key));
        rows.sort();
        let rows: Vec<String> = rows.into_iter().map(|(_, row)| row).collect();
        assert_eq!(written, rows);
    }
}
