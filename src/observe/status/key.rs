//! The keys of a chain whose key changes at a height.

use serde::{Deserialize, Serialize};

/// One of several keys of a chain.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeyStatus {
    /// Where it is.
    pub key: String,
    /// The validator's address in hexadecimal digits, where the key is known.
    pub address: Option<String>,
    /// The public key as this chain shows it.
    pub public_key: Option<String>,
    /// The height from which on it signs; `None` for the first one.
    #[serde(default)]
    pub activation_height: Option<i64>,
    /// Whether it is the key of the next height: the one that nodes are told of.
    pub active: bool,
    /// Whether it has its state.
    pub armed: bool,
    /// Why it does not sign, if so.
    #[serde(default)]
    pub trouble: Option<String>,
    /// Its watermark, as `height/round/step`.
    #[serde(default)]
    pub watermark: Option<String>,
    /// Its state file.
    pub state_file: String,
}

impl KeyStatus {
    /// Which heights it signs, and whether it is its turn.
    pub fn turn(&self) -> String {
        let next = if self.active { ", signs next" } else { "" };
        match self.activation_height {
            Some(height) => format!("from height {height} on{next}"),
            None => format!("the first one{next}"),
        }
    }

    /// One line for all of it.
    pub fn line(&self) -> String {
        let address = self.address.as_deref().unwrap_or("not known");
        let state = match (&self.trouble, &self.watermark) {
            (Some(trouble), _) => format!("NOT ARMED: {trouble}"),
            (None, Some(watermark)) => format!("watermark {watermark}"),
            (None, None) => "nothing signed yet".to_owned(),
        };
        format!("{address} ({}), {}: {state}", self.key, self.turn())
    }
}
