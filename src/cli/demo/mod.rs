//! `tmkms demo`: everything this program promises, shown with nothing but this program.
//!
//! A temporary home, a key made for the occasion, a simulated node on the loopback interface, and this very binary
//! as the signer in a process of its own, which is killed on the way.

mod stage;

use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;

use crate::codec::node::{Answer, Ask};
use crate::consensus::{ChainId, PublicKey};
use crate::harness::messages::Maker;
use crate::harness::{Listener, Node};
use crate::request::SignRequest;

use super::report::{Failure, output};
use crate::cli::typed::key_word::KeyWord;
use stage::{IDENTITY, KEY, Stage, broke};

const CHAIN: &str = "demo-1";
const PATIENCE: Duration = Duration::from_secs(5);
/// Heights signed before the kill, and after it.
const HEIGHTS: i64 = 300;

/// Show it work.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms demo\n\nIt uses a temporary folder and a free port of the loopback interface, and leaves nothing behind."
)]
pub(super) struct Demo {
    /// The type of the validator's key
    #[arg(short = 't', long = "type", value_enum, default_value = "consensus")]
    kind: KeyWord,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        let stage = Stage::set(self.kind.key_type())?;
        let result = Show::new(&stage).and_then(Show::play);
        stage.clear();
        result
    }
}

struct Show<'a> {
    stage: &'a Stage,
    listener: Listener,
    maker: Maker,
    latencies: Histogram<u64>,
    signed: u64,
    rows: Vec<(String, String)>,
}

impl<'a> Show<'a> {
    fn new(stage: &'a Stage) -> Result<Self, Failure> {
        let chain: ChainId = CHAIN.parse().map_err(broke("naming the chain"))?;
        Ok(Self {
            stage,
            listener: Listener::tcp().map_err(Failure::new)?,
            maker: Maker::new(chain),
            latencies: Histogram::new_with_bounds(1, 60_000_000, 3)
                .map_err(broke("making a histogram"))?,
            signed: 0,
            rows: Vec::new(),
        })
    }

    fn play(mut self) -> Result<(), Failure> {
        say(
            "\nA validator's key signs votes for blocks. Signing two different votes for one place in the",
        )?;
        say(
            "chain is punished with 5 % of all stake. This program holds the key and sees to it that",
        )?;
        say(
            "this never happens. Here it is with a key made just now and a simulated validator node.\n",
        )?;

        let key = self.prepare()?;
        say(&format!(
            "1. A home with a new key (address {}) and a watermark: nothing signed yet.",
            key.address()
        ))?;
        self.stage.start()?;
        let mut node = self.listener.accept(PATIENCE).map_err(Failure::new)?;
        say(
            "2. The signer runs in a process of its own and has dialled the node; the link is encrypted.",
        )?;
        self.expect_key(&mut node, &key)?;

        for height in 1..=HEIGHTS {
            self.height(&mut node, &key, height)?;
        }
        say(&format!(
            "3. {HEIGHTS} heights signed: a proposal, a prevote and a precommit each."
        ))?;

        let again = self
            .maker
            .precommit(HEIGHTS, 0, Some(block_of(HEIGHTS)), HEIGHTS + 60, b"");
        let first = self
            .maker
            .precommit(HEIGHTS, 0, Some(block_of(HEIGHTS)), HEIGHTS, b"");
        self.replay(&mut node, &again, &first)?;
        let other = self.maker.precommit(HEIGHTS, 0, Some(255), HEIGHTS, b"");
        self.refusal(
            &mut node,
            other,
            "Another block at the same place (a double sign)",
        )?;
        let lower = self.maker.prevote(HEIGHTS - 1, 0, Some(1), HEIGHTS);
        self.refusal(&mut node, lower, "A vote for a height that is past")?;
        let far = self.maker.prevote(1_i64 << 62, 0, Some(1), HEIGHTS);
        self.refusal(
            &mut node,
            far,
            "A vote for height 2^62, which would silence the validator for good",
        )?;
        say(
            "4. Asked again, it gives the earlier signature; asked for anything else at that place or below,",
        )?;
        say("   or absurdly far ahead, it refuses and says why. The link stays up.")?;

        let next = HEIGHTS + 1;
        let voted = self.maker.prevote(next, 0, Some(block_of(next)), next);
        node.send(&Ask::Sign(voted.clone())).map_err(Failure::new)?;
        self.stage.kill()?;
        drop(node);
        say(&format!(
            "5. Killed with SIGKILL while it signs height {next}. Started again at once."
        ))?;
        let began = Instant::now();
        self.stage.start()?;
        let mut node = self.listener.accept(PATIENCE).map_err(Failure::new)?;
        self.expect_key(&mut node, &key)?;
        let back = began.elapsed();
        let below = self.maker.precommit(HEIGHTS, 0, Some(255), HEIGHTS, b"");
        self.refusal(&mut node, below, "After the restart: the double sign again")?;
        self.sign(&mut node, &key, voted)?;
        for height in next + 1..=next + HEIGHTS {
            self.height(&mut node, &key, height)?;
        }
        self.rows.push((
            "Killed, restarted, asked by the node".to_owned(),
            format!("{:.0} ms", millis(back)),
        ));
        say(
            "6. It remembers: the watermark was on disk before each signature, so the double sign is still",
        )?;
        say("   refused, and the chain goes on.\n")?;
        self.stage.kill()?;
        self.table()
    }

    fn prepare(&self) -> Result<PublicKey, Failure> {
        let address = self.listener.address().map_err(Failure::new)?;
        let config = format!(
            "[[chain]]\nid = \"{CHAIN}\"\nstate_file = \"state.json\"\n\
             # A temporary folder may be on any file system; a real home does not need this.\n\
             allow_ephemeral_state = true\n\n\
             [[validator]]\nchain_id = \"{CHAIN}\"\naddr = \"{address}\"\nsecret_key = \"env:{IDENTITY}\"\n\n\
             [[providers.softsign]]\nchain_ids = [\"{CHAIN}\"]\npath = \"env:{KEY}\"\nalgorithm = \"{}\"\n",
            self.stage.public_key().key_type()
        );
        self.stage.write("tmkms.toml", &config)?;
        self.stage
            .run(&["state", "init", "-c", "tmkms.toml", CHAIN, "--never-signed"])?;
        Ok(self.stage.public_key())
    }

    fn expect_key(&self, node: &mut Node, key: &PublicKey) -> Result<(), Failure> {
        match node
            .ask(&Ask::PublicKey(CHAIN.to_owned()))
            .map_err(Failure::new)?
        {
            Answer::PublicKey(found) if found == *key => Ok(()),
            other => Err(unexpected("its public key", &other)),
        }
    }

    fn height(&mut self, node: &mut Node, key: &PublicKey, height: i64) -> Result<(), Failure> {
        let tag = block_of(height);
        let proposal = self.maker.proposal(height, 0, tag, height);
        let prevote = self.maker.prevote(height, 0, Some(tag), height);
        let precommit = self.maker.precommit(height, 0, Some(tag), height, b"");
        for request in [proposal, prevote, precommit] {
            self.sign(node, key, request)?;
        }
        Ok(())
    }

    fn sign(
        &mut self,
        node: &mut Node,
        key: &PublicKey,
        request: SignRequest,
    ) -> Result<(), Failure> {
        let bytes = request.sign_bytes();
        let began = Instant::now();
        let answer = node.ask(&Ask::Sign(request)).map_err(Failure::new)?;
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        match &answer {
            Answer::Signed { signature, .. } if key.verify(bytes.as_slice(), signature) => {
                self.signed += 1;
                self.latencies.saturating_record(micros);
                Ok(())
            }
            other => Err(unexpected("a valid signature", other)),
        }
    }

    fn replay(
        &mut self,
        node: &mut Node,
        again: &SignRequest,
        first: &SignRequest,
    ) -> Result<(), Failure> {
        let earlier = node.ask(&Ask::Sign(first.clone())).map_err(Failure::new)?;
        let answer = node.ask(&Ask::Sign(again.clone())).map_err(Failure::new)?;
        if answer != earlier {
            return Err(unexpected("the earlier signature", &answer));
        }
        self.rows.push((
            "The same vote again, a minute later".to_owned(),
            "replayed: earlier time, earlier signature".to_owned(),
        ));
        Ok(())
    }

    fn refusal(
        &mut self,
        node: &mut Node,
        request: SignRequest,
        what: &str,
    ) -> Result<(), Failure> {
        match node.ask(&Ask::Sign(request)).map_err(Failure::new)? {
            Answer::Error(error) => {
                let words = error.description;
                let reason = words.split(": ").nth(1).unwrap_or(&words);
                let reason = reason
                    .split([',', ';', '('])
                    .next()
                    .unwrap_or(reason)
                    .trim();
                self.rows
                    .push((what.to_owned(), format!("refused: {reason}")));
                Ok(())
            }
            other => Err(unexpected("a refusal", &other)),
        }
    }

    fn table(&self) -> Result<(), Failure> {
        let mut text = String::new();
        let mut rows = vec![(
            "Signatures asked, made and verified".to_owned(),
            self.signed.to_string(),
        )];
        rows.extend(self.rows.iter().cloned());
        let width = rows
            .iter()
            .map(|(what, _)| what.chars().count())
            .max()
            .unwrap_or(0);
        for (what, result) in &rows {
            text.push_str(&format!("  {what:<width$}  {result}\n"));
        }
        text.push_str("\n  Time of a signature as the node sees it, over an encrypted link, each watermark flushed to disk:\n\n");
        text.push_str(&histogram(&self.latencies));
        text.push_str("\nNext: `tmkms softsign keygen`, `tmkms state init`, `tmkms start`; README.md has the five minutes.\n");
        output(&text)
    }
}

/// Rows of doubling width, each with a bar.
fn histogram(latencies: &Histogram<u64>) -> String {
    let mut text = String::new();
    let total = latencies.len().max(1);
    let mut low = 0;
    let mut high = 32;
    while low < latencies.max() {
        let count = latencies.count_between(low, high - 1);
        if count > 0 {
            let share = count.saturating_mul(40).div_ceil(total);
            let bar = "#".repeat(usize::try_from(share).unwrap_or(0));
            text.push_str(&format!("  {low:>7} to {high:>7} µs  {count:>5}  {bar}\n"));
        }
        low = high;
        high *= 2;
    }
    let at = |quantile| latencies.value_at_quantile(quantile);
    text.push_str(&format!(
        "\n  half within {} µs, 99 % within {} µs, slowest {} µs\n",
        at(0.5),
        at(0.99),
        latencies.max()
    ));
    text
}

fn block_of(height: i64) -> u8 {
    u8::try_from(height.rem_euclid(200)).unwrap_or(0)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn say(text: &str) -> Result<(), Failure> {
    output(&format!("{text}\n"))
}

fn unexpected(wanted: &str, found: &Answer) -> Failure {
    Failure::new(format!(
        "the demo expected {wanted}, and the signer answered {found:?}"
    ))
}
