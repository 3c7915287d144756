//! One member of an etcd that has one key, with faults to choose: what the real one does is shown by
//! `examples/etcd-checker` and `interop/etcd`; this one does what the real one does too rarely.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tmkms::gate::store::etcd::EtcdSettings;

/// What becomes of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is applied, and no answer comes.
    AppliedAndSilent,
    /// It is not applied, and no answer comes.
    LostAndSilent,
    /// It is applied, and the connection ends.
    AppliedAndCut,
    /// It is applied, and half of the answer comes.
    AppliedAndHalf,
    /// It is applied, and this status comes with this code and text.
    AppliedAndSaid(u16, u32, &'static str),
    /// It is not applied, and this status comes with this code and text.
    Said(u16, u32, &'static str),
    /// It is not applied, and JSON of something else comes.
    Foreign(&'static str),
    /// An answer without an end.
    Endless,
}

#[derive(Clone, Debug)]
pub struct Stored {
    pub created: i64,
    pub modified: i64,
    pub value: Vec<u8>,
}

#[derive(Debug)]
pub struct State {
    pub cluster: u64,
    pub revision: i64,
    pub key: Option<Stored>,
    /// For the next transactions that would write; then all is well.
    pub faults: VecDeque<Fault>,
    /// Transactions that were applied.
    pub applied: u64,
}

#[derive(Clone)]
pub struct FakeEtcd {
    pub state: Arc<Mutex<State>>,
    pub url: String,
}

impl FakeEtcd {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            cluster: 77,
            revision: 1,
            key: None,
            faults: VecDeque::new(),
            applied: 0,
        }));
        let fake = Self { state, url };
        let mine = fake.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mine = mine.clone();
                thread::spawn(move || mine.serve(stream));
            }
        });
        fake
    }

    pub fn settings(&self) -> EtcdSettings {
        EtcdSettings {
            endpoints: vec![self.url.clone()],
            ca_file: None,
            client: None,
            user: None,
            prefix: "/test".to_owned(),
        }
    }

    pub fn next(&self, faults: &[Fault]) {
        self.state.lock().unwrap().faults = faults.iter().copied().collect();
    }

    pub fn key(&self) -> Option<Stored> {
        self.state.lock().unwrap().key.clone()
    }

    pub fn set_key(&self, key: Option<Stored>) {
        self.state.lock().unwrap().key = key;
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        loop {
            let mut length = 0;
            let mut line = String::new();
            loop {
                line.clear();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                return;
            }
            let request: Value = serde_json::from_slice(&body).unwrap();
            if !self.answer(&request, &mut stream) {
                return;
            }
        }
    }

    /// `false` ends the connection.
    fn answer(&self, request: &Value, stream: &mut TcpStream) -> bool {
        if request["compare"].is_null() {
            return say(stream, 404, r#"{"code":5,"message":"Not Found"}"#);
        }
        let mut state = self.state.lock().unwrap();
        let writes = !request["success"][0]["request_put"].is_null();
        let fault = match writes {
            true => state.faults.pop_front(),
            false => None,
        };
        let applies = !matches!(
            fault,
            Some(Fault::LostAndSilent | Fault::Said(..) | Fault::Foreign(_) | Fault::Endless)
        );
        let reply = match applies {
            true => state.apply(request),
            false => Value::Null,
        };
        drop(state);
        match fault {
            None => say(stream, 200, &reply.to_string()),
            Some(Fault::AppliedAndSilent | Fault::LostAndSilent) => {
                thread::sleep(Duration::from_secs(30));
                false
            }
            Some(Fault::AppliedAndCut) => false,
            Some(Fault::AppliedAndHalf) => {
                let text = reply.to_string();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
                let _ = stream.write_all(head.as_bytes());
                let _ = stream.write_all(&text.as_bytes()[..text.len() / 2]);
                false
            }
            Some(Fault::AppliedAndSaid(status, code, text) | Fault::Said(status, code, text)) => {
                say(
                    stream,
                    status,
                    &json!({ "code": code, "message": text }).to_string(),
                )
            }
            Some(Fault::Foreign(text)) => say(stream, 200, text),
            Some(Fault::Endless) => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
                while stream.write_all(&[b' '; 65_536]).is_ok() {}
                false
            }
        }
    }
}

fn say(stream: &mut TcpStream, status: u16, text: &str) -> bool {
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{text}"
    );
    stream.write_all(answer.as_bytes()).is_ok()
}

impl State {
    fn apply(&mut self, request: &Value) -> Value {
        let (created, modified) = self
            .key
            .as_ref()
            .map_or((0, 0), |key| (key.created, key.modified));
        let number = |value: &Value| value.as_str().unwrap().parse::<i64>().unwrap();
        let holds = request["compare"]
            .as_array()
            .unwrap()
            .iter()
            .all(|compare| match compare["target"].as_str().unwrap() {
                "MOD" => number(&compare["mod_revision"]) == modified,
                "CREATE" => number(&compare["create_revision"]) == created,
                other => panic!("{other}"),
            });
        let response = match (holds, &self.key) {
            (true, _) => {
                self.revision += 1;
                self.applied += 1;
                let value = request["success"][0]["request_put"]["value"]
                    .as_str()
                    .unwrap();
                self.key = Some(Stored {
                    created: if created == 0 { self.revision } else { created },
                    modified: self.revision,
                    value: subtle_encoding::base64::decode(value).unwrap(),
                });
                json!({ "response_put": {} })
            }
            (false, None) => json!({ "response_range": {} }),
            (false, Some(key)) => {
                let value = subtle_encoding::base64::encode(&key.value);
                json!({ "response_range": { "count": "1", "kvs": [{
                    "create_revision": key.created.to_string(),
                    "mod_revision": key.modified.to_string(),
                    "value": String::from_utf8(value).unwrap(),
                }] } })
            }
        };
        let mut answer = json!({
            "header": {
                "cluster_id": self.cluster.to_string(),
                "member_id": "5",
                "revision": self.revision.to_string(),
            },
            "responses": [response],
        });
        if holds {
            answer["succeeded"] = true.into();
        }
        answer
    }
}
