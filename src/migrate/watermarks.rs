//! Two watermarks of one chain and key, of which the higher counts; and one in words.

use std::cmp::Ordering;

use crate::gate::watermark::Watermark;

/// A watermark in words.
pub fn shown(watermark: Option<&Watermark>) -> String {
    match watermark.map(Watermark::hrs) {
        None => "no state".to_owned(),
        Some(None) => "nothing signed yet".to_owned(),
        Some(Some(hrs)) => hrs.to_string(),
    }
}

/// The higher of the two. At equal positions the bytes are kept only if both know the same ones.
pub fn higher(current: Option<&Watermark>, other: &Watermark) -> Watermark {
    let Some(current) = current else {
        return other.clone();
    };
    match current.hrs().cmp(&other.hrs()) {
        Ordering::Less => other.clone(),
        Ordering::Greater => current.clone(),
        Ordering::Equal => match (current, other) {
            (Watermark::Message(one), Watermark::Message(two)) if one.bytes() != two.bytes() => {
                Watermark::UpTo(one.position().hrs)
            }
            (Watermark::Message(one), Watermark::Message(two)) if one.signature().is_none() => {
                Watermark::Message(two.clone())
            }
            (Watermark::Message(one), Watermark::Message(_)) => Watermark::Message(one.clone()),
            // What was signed there is not known to one of them, so nothing is signed there again.
            (Watermark::Message(last), _) | (_, Watermark::Message(last)) => {
                Watermark::UpTo(last.position().hrs)
            }
            _ => current.clone(),
        },
    }
}
