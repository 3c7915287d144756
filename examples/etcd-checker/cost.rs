//! What a vote over etcd costs, against one bare put of as many bytes and one bare transaction like a vote's, through the
//! same member's gateway, in turns, so that a machine that changes its pace changes it for all.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::Listener;
use tmkms::harness::messages::Maker;
use tmkms::https::{Client, Limits};

use crate::rig::{CHAIN, Rig};

const WARM_UP: i64 = 50;
/// A record of a vote has about so many bytes, in base64.
const VALUE: usize = 900;

/// Measures so many of each, and prints the ratio.
pub fn run(rig: &mut Rig, number: i64) {
    let listener = Listener::unix(&rig.sockets[0]).expect("a socket");
    rig.signers[0].start();
    let mut node = listener
        .accept(Duration::from_secs(10))
        .expect("the signer dials");
    let maker = Maker::new(CHAIN.parse().expect("a chain id"));
    let limits = Limits {
        connect: Duration::from_secs(1),
        request: Duration::from_secs(5),
    };
    let url = format!("http://127.0.0.1:{}", rig.clients[0]);
    let client = Client::new(&url, None, limits);
    // `/tmkms/put` and zeros; base64 is how the gateway wants both.
    let put = format!(
        "{{\"key\":\"L3Rta21zL3B1dA==\",\"value\":\"{}\"}}",
        "A".repeat(VALUE / 4 * 4)
    );
    // The same write under the vote's two comparisons, which hold; `/tmkms/txn` is the key.
    let first = put.replace("L3Rta21zL3B1dA==", "L3Rta21zL3R4bg==");
    let created = revision(client.post("/v3/kv/put", None, first.as_bytes()));
    let mut modified = created;
    let beside = File::create(rig.folder.join("beside")).expect("a file");
    beside
        .write_all_at(&[b' '; 16384], 0)
        .and_then(|()| beside.sync_all())
        .expect("a file");
    let histogram = || Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
    let (mut votes, mut puts) = (histogram(), histogram());
    let (mut txns, mut writes) = (histogram(), histogram());
    let note = |times: &mut Histogram<u64>, began: Instant| {
        times.saturating_record(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
    };
    for turn in 0..number + WARM_UP {
        if turn == WARM_UP {
            (votes, puts) = (histogram(), histogram());
            (txns, writes) = (histogram(), histogram());
        }
        let ask = Ask::Sign(maker.prevote(turn + 1, 0, Some(1), 1));
        let began = Instant::now();
        let answer = node.ask(&ask);
        note(&mut votes, began);
        assert!(matches!(answer, Ok(Answer::Signed { .. })), "{answer:?}");
        let began = Instant::now();
        let answer = client.post("/v3/kv/put", None, put.as_bytes());
        note(&mut puts, began);
        assert_eq!(answer.map(|answer| answer.status), Ok(200));
        let txn = transaction(&first, modified, created);
        let began = Instant::now();
        let answer = client.post("/v3/kv/txn", None, txn.as_bytes());
        note(&mut txns, began);
        modified = revision(answer);
        let began = Instant::now();
        let slot = [b' '; 8192];
        beside
            .write_all_at(&slot, 0)
            .and_then(|()| beside.sync_data())
            .expect("a flush");
        note(&mut writes, began);
    }
    let ms = |times: &Histogram<u64>, quantile| times.value_at_quantile(quantile) as f64 / 1e6;
    println!("{number} of each in turns, in ms     p50      p90      p99");
    for (name, times) in [
        ("a vote over etcd", &votes),
        ("a bare etcd put", &puts),
        ("a bare transaction", &txns),
        ("8 KiB written and flushed", &writes),
    ] {
        println!(
            "{name:28} {:8.3} {:8.3} {:8.3}",
            ms(times, 0.5),
            ms(times, 0.9),
            ms(times, 0.99)
        );
    }
    let (vote, put, write) = (ms(&votes, 0.5), ms(&puts, 0.5), ms(&writes, 0.5));
    let txn = ms(&txns, 0.5);
    println!("vote / put at p50: {:.2} (target 1.15)", vote / put);
    println!("vote / (put + write): {:.2}", vote / (put + write));
    println!(
        "vote / (transaction + write): {:.2}, transaction / put: {:.2}",
        vote / (txn + write),
        txn / put
    );
}

/// The revision of an answer whose write was made.
fn revision(answer: Result<tmkms::https::Answer, tmkms::https::Failure>) -> i64 {
    let answer: serde_json::Value =
        serde_json::from_slice(&answer.expect("an answer").body).expect("JSON");
    let was_put = answer.get("responses").is_none() || answer["succeeded"] == true;
    assert!(was_put, "{answer}");
    let text = answer["header"]["revision"].as_str().expect("a revision");
    text.parse().expect("a number")
}

/// `put` as a transaction with a vote's comparisons.
fn transaction(put: &str, modified: i64, created: i64) -> String {
    let key = "\"key\":\"L3Rta21zL3R4bg==\"";
    let compare = |target, field, revision| {
        format!("{{{key},\"target\":\"{target}\",\"result\":\"EQUAL\",\"{field}\":\"{revision}\"}}")
    };
    format!(
        "{{\"compare\":[{},{}],\"success\":[{{\"request_put\":{put}}}],\"failure\":[{{\"request_range\":{{{key}}}}}]}}",
        compare("MOD", "mod_revision", modified),
        compare("CREATE", "create_revision", created),
    )
}
