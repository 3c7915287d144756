//! The negative control: a signer whose store takes a time-out for "not applied", and what it finds of its own for done.
//! Both are plausible, both pass a test without faults, and together they double-sign.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use subtle_encoding::{base64, hex};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::chain::{Armed, Chain};
use tmkms::consensus::SignBytes;
use tmkms::events::{Event, Sink};
use tmkms::gate::heights::bucket::Rate;
use tmkms::gate::store::{Loaded, Origin, Record, Store, StoreError};
use tmkms::gate::watermark::{Last, Watermark};
use tmkms::gate::{Gate, Settings};
use tmkms::https::{Client, Limits};
use tmkms::link::{Address, Timeouts, dial};
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::session::{InFlight, NodeTerms, serve};

use crate::rig::CHAIN;

const KEY: &[u8] = b"/careless";

struct Careless {
    clients: Vec<Client>,
    next: usize,
    host: String,
    revision: i64,
    record: Record,
    /// How often the gate may still come back with the request that got no answer.
    tired: u32,
}

impl Careless {
    fn txn(&mut self, body: &Value) -> Option<Value> {
        let count = self.clients.len();
        self.next = (self.next + 1) % count;
        let answer = self.clients[self.next]
            .post("/v3/kv/txn", None, body.to_string().as_bytes())
            .ok()?;
        serde_json::from_slice(&answer.body)
            .ok()
            .filter(|_| answer.status == 200)
    }

    fn swap(&mut self, watermark: &Watermark) -> Result<(), StoreError> {
        let text = |bytes: &[u8]| String::from_utf8(base64::encode(bytes)).expect("ASCII");
        let sequence = self.record.sequence + 1;
        let Watermark::Message(last) = watermark else {
            return Err(StoreError::Failed("nothing to store".to_owned()));
        };
        let bytes = String::from_utf8(hex::encode(last.bytes().as_slice())).expect("ASCII");
        let value = json!({ "host": self.host, "sequence": sequence, "bytes": bytes });
        let key = text(KEY);
        let body = json!({
            "compare": [{ "key": key, "target": "MOD", "result": "EQUAL", "mod_revision": self.revision.to_string() }],
            "success": [{ "request_put": { "key": key, "value": text(value.to_string().as_bytes()) } }],
            "failure": [{ "request_range": { "key": key } }],
        });
        let Some(answer) = self.txn(&body) else {
            // The mistake: nobody knows, and this says "not applied".
            self.tired = 7;
            return Err(StoreError::Superseded(Box::new(self.record.clone())));
        };
        let number = |value: &Value| value.as_str().and_then(|text| text.parse::<i64>().ok());
        if answer["succeeded"] == true {
            self.revision = number(&answer["header"]["revision"]).unwrap_or(0);
            self.record.sequence = sequence;
            self.record.watermark = watermark.clone();
            return Ok(());
        }
        let found = &answer["responses"][0]["response_range"]["kvs"][0];
        self.revision = number(&found["mod_revision"]).unwrap_or(0);
        let stored = found["value"].as_str().unwrap_or_default();
        let stored = base64::decode(stored).unwrap_or_default();
        let stored: Value = serde_json::from_slice(&stored).unwrap_or_default();
        if stored["host"] == self.host.as_str() && stored["sequence"] == sequence {
            // And this takes what another try of ours stored for what is asked now.
            self.record.sequence = sequence;
            self.record.watermark = watermark.clone();
            return Ok(());
        }
        let bytes = hex::decode(stored["bytes"].as_str().unwrap_or_default()).unwrap_or_default();
        if let Ok((bytes, _)) = SignBytes::from_record(bytes)
            && let Some(last) = Last::new(bytes, None)
        {
            self.record.watermark = Watermark::Message(last);
        }
        self.record.sequence = stored["sequence"].as_u64().unwrap_or(0);
        Err(StoreError::Superseded(Box::new(self.record.clone())))
    }
}

impl Store for Careless {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        Ok(Loaded {
            record: self.record.clone(),
            damage: None,
            notice: None,
        })
    }

    fn persist(
        &mut self,
        expected: u64,
        next: &Watermark,
        _: Origin,
        _: Duration,
    ) -> Result<Record, StoreError> {
        if expected != self.record.sequence {
            return Err(StoreError::Superseded(Box::new(self.record.clone())));
        }
        if self.tired > 0 {
            self.tired -= 1;
            return Err(StoreError::Superseded(Box::new(self.record.clone())));
        }
        self.swap(next).map(|()| self.record.clone())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn rebuild(&mut self, next: &Watermark, _: Origin, _: Duration) -> Result<Record, StoreError> {
        self.swap(next).map(|()| self.record.clone())
    }
}

struct Nowhere;

impl Sink for Nowhere {
    fn emit(&self, _: &Event) {}
}

/// Signs at `socket` until it is killed.
pub fn run(socket: &Path, host: &str, ports: &[String]) {
    let limits = Limits {
        connect: Duration::from_millis(200),
        request: Duration::from_millis(400),
    };
    let client = |port: &String| Client::new(&format!("http://127.0.0.1:{port}"), None, limits);
    let store = Careless {
        clients: ports.iter().map(client).collect(),
        next: 0,
        host: host.to_owned(),
        revision: 0,
        record: Record {
            sequence: 0,
            watermark: Watermark::Never,
            origin: Origin::Begun,
            written: Duration::ZERO,
        },
        tired: 0,
    };
    // Both of them have the same key.
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let key =
        SoftKey::from_base64(&base64::encode(key.to_bytes()), Default::default()).expect("a key");
    let settings = Settings {
        rate: Rate {
            max_gap: 1_000_000_000,
            max_blocks_per_second: 10_000,
        },
        ..Settings::default()
    };
    let id: tmkms::consensus::ChainId = CHAIN.parse().expect("a chain id");
    let gate =
        Gate::arm(id.clone(), settings, Box::new(store), &SystemClock.now()).expect("a gate");
    let chain = Chain::armed(id, Armed::new(gate, Arc::new(key)));
    loop {
        let address = Address::Unix(socket.to_owned());
        if let Ok(mut link) = dial(&address, None, &Timeouts::default(), |_| {}) {
            serve(
                &mut link,
                &chain,
                &NodeTerms::default(),
                &InFlight::default(),
                &SystemClock,
                &Nowhere,
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
