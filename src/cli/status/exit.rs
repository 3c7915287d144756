//! What the exit code says: the same as `/armed` and `/ready` over HTTP.

use crate::cli::report::Failure;
use crate::observe::status::{Expected, HealthQuestion, ServiceStatus};
use crate::text::count::count;

/// For health checks: what to say when it is true of every chain that is asked about; each of which it is not.
pub(super) fn probed(
    answer: &ServiceStatus,
    question: HealthQuestion,
    asked: &Expected,
) -> Result<String, Failure> {
    let word = question.word();
    match answer.probe(question, asked) {
        Ok(_) => Ok(format!("{word}\n")),
        Err(no) => Err(Failure::new(format!("not {word}: {no}"))),
    }
}

/// What has been shown in full, as an exit code: the same answer as `/ready`.
pub(super) fn concluded(answer: &ServiceStatus) -> Result<(), Failure> {
    answer
        .probe(HealthQuestion::Ready, &Expected::All)
        .map_or_else(
            |no| {
                let ids: Vec<&str> = no.chains().iter().map(|(id, _)| id.as_str()).collect();
                Err(Failure::new(format!(
                    "{} of {} not ready: {}",
                    ids.len(),
                    count(answer.chains.len(), "chain"),
                    ids.join(", ")
                )))
            },
            |_| Ok(()),
        )
}

/// The text, the JSON, the exit codes, the page, `/armed` and `/ready` never disagree: every combination of facts.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::shown::shown;
    use crate::observe::health::{self, Unhealthy};
    use crate::observe::serve::page::{self, PageView};
    use crate::observe::status::{
        ChainStatus, ChainVerdict, Condition, ConflictStatus, DeviceStatus, Facts, LinkPhase,
        LinkStatus, PauseStatus,
    };
    use crate::remedy::Commands;

    const CHAIN: &str = "test-1";

    fn link(state: LinkPhase) -> LinkStatus {
        let json = serde_json::json!({
            "addr": "unix:///run/node", "state": state, "since_seconds": 1, "connects": 1, "signed": 0, "replayed": 0,
            "raw_signed": 0, "refused": 0, "failed": 0,
        });
        serde_json::from_value(json).unwrap()
    }

    /// Bit by bit: six facts, three things that somebody should look at, a pause, and members of whom too few are there.
    fn told(bits: u32) -> (ChainVerdict, ServiceStatus) {
        let is = |bit: u32| bits & (1 << bit) != 0;
        let why = |bit: u32, text: &str| is(bit).then(|| text.to_owned());
        let facts = Facts {
            unarmed: why(0, "no key"),
            stuck: why(1, "stuck"),
            broken: why(2, "a full disk"),
            key: why(3, "press the button"),
            devices: why(4, "unplugged"),
            cosigners: why(10, "1 of 3 members there"),
            linked: is(5),
            paused: is(9).then(|| pause().line()),
        };
        let mut links = vec![link(if is(5) {
            LinkPhase::Up
        } else {
            LinkPhase::Down
        })];
        if is(6) {
            links.push(link(LinkPhase::Down));
        }
        let chain = ChainStatus {
            id: CHAIN.to_owned(),
            links,
            paused: is(9).then(pause),
            conflicts: is(7).then(ConflictStatus::default).into_iter().collect(),
            devices: vec![DeviceStatus {
                up: !is(8),
                ..DeviceStatus::default()
            }],
            ..ChainStatus::default()
        };
        let verdict = ChainVerdict::of(facts);
        let status = ServiceStatus {
            chains: vec![chain.with(verdict.clone())],
            ..ServiceStatus::default()
        };
        (verdict, status)
    }

    fn pause() -> PauseStatus {
        PauseStatus {
            in_effect: true,
            ..PauseStatus::default()
        }
    }

    #[test]
    fn nobody_is_told_otherwise() {
        for bits in 0..1 << 11 {
            let (verdict, status) = told(bits);
            let asked_for = |question| {
                let verdicts = [(CHAIN.to_owned(), verdict.clone())];
                health::answer(verdicts, question, None).is_ok()
            };
            let (armed, ready) = (
                asked_for(HealthQuestion::Armed),
                asked_for(HealthQuestion::Ready),
            );
            assert!(armed || !ready, "{bits:b}: what is ready is armed");
            // Where nothing is signed on purpose, that too few others are there changes nothing.
            let few = bits & (1 << 10) != 0;
            match verdict.paused.is_some() {
                true => assert_eq!(
                    ready,
                    told(bits & !(1 << 10)).0.not_ready.is_none(),
                    "{bits:b}"
                ),
                false => assert!(!few || !ready, "{bits:b}: too few members sign nothing"),
            }
            // The answer as the command reads it.
            let json = serde_json::to_value(&status).unwrap();
            let client: ServiceStatus = serde_json::from_value(json.clone()).unwrap();
            let client = client.judged();
            let chain = &json["chains"][0];
            assert_eq!(chain["armed"], armed, "{bits:b}");
            assert_eq!(chain["not_armed"].is_null(), armed, "{bits:b}");
            assert_eq!(chain["not_ready"].is_null(), ready, "{bits:b}");
            assert_eq!(chain["condition"] != "not_ready", ready, "{bits:b}");
            assert_eq!(client.chains[0].condition, status.chains[0].condition);
            // The exit codes.
            assert_eq!(concluded(&client).is_ok(), ready, "{bits:b}");
            assert_eq!(
                probed(&client, HealthQuestion::Ready, &Expected::All).is_ok(),
                ready
            );
            assert_eq!(
                probed(&client, HealthQuestion::Armed, &Expected::All).is_ok(),
                armed
            );
            // Who names a chain is told of its pause.
            let paused = bits & (1 << 9) != 0;
            let named = Expected::these([CHAIN.to_owned()]).unwrap();
            let verdicts = [(CHAIN.to_owned(), verdict.clone())];
            let query = Some("expect=test-1");
            let over_http = health::answer(verdicts, HealthQuestion::Ready, query);
            assert_eq!(over_http.is_ok(), ready && !paused, "{bits:b}");
            assert_eq!(
                probed(&client, HealthQuestion::Ready, &named).is_ok(),
                ready && !paused
            );
            assert_eq!(
                probed(&client, HealthQuestion::Armed, &named).is_ok(),
                armed
            );
            // The text and the page, with the same reason.
            let text = shown(&client, &Commands::default());
            let html = page::render(&status, PageView::default());
            let count = match ready && paused {
                true => "1 of 1 chain ready, 1 of them paused".to_owned(),
                false => format!("{} of 1 chain ready", u8::from(ready)),
            };
            assert!(text.contains(&count) && html.contains(&count), "{bits:b}");
            assert_eq!(text.contains("NOT ARMED"), !armed, "{bits:b}: {text}");
            match &verdict.not_ready {
                Some(why) => {
                    assert!(
                        text.contains(&format!("not ready: {CHAIN}: {why}\n")),
                        "{text}"
                    );
                    assert!(html.contains(&format!(": {why}</p>")), "{html}");
                }
                None => assert!(!text.contains("not ready"), "{bits:b}: {text}"),
            }
            let frame = match status.chains[0].condition {
                Condition::Ready => "is-good",
                Condition::Attention => "is-warn",
                Condition::NotReady => "is-bad",
            };
            assert!(html.contains(&format!("class=\"{frame}\"")), "{bits:b}");
            assert_eq!(frame != "is-bad", ready, "{bits:b}");
            // What somebody should look at is seen, whatever else is wrong.
            let conflict = bits & (1 << 7) != 0;
            assert_eq!(text.contains("double sign refused"), conflict, "{bits:b}");
            assert_eq!(
                html.contains("<span class=\"double\">"),
                conflict,
                "{bits:b}"
            );
            assert_eq!(text.contains("paused altogether"), paused, "{text}");
            assert_eq!(html.contains("paused altogether"), paused, "{html}");
            let calm = bits & 0b11_1100_0000 == 0;
            assert_eq!(
                status.chains[0].condition == Condition::Ready,
                ready && calm,
                "{bits:b}"
            );
        }
    }

    /// A program of today that asks a service of before, which tells less.
    #[test]
    fn what_an_older_service_does_not_tell_is_filled_in() {
        for bits in 0..1 << 9 {
            let (_, status) = told(bits);
            let mut json = serde_json::to_value(&status).unwrap();
            let chain = json["chains"][0].as_object_mut().unwrap();
            for new in ["condition", "not_armed", "conflicts"] {
                chain.remove(new).unwrap();
            }
            if bits % 2 == 1 {
                // What a newer one may say.
                chain.insert("condition".to_owned(), "another word".into());
            }
            let client: ServiceStatus = serde_json::from_value(json).unwrap();
            let client = client.judged();
            let (now, then) = (&status.chains[0], &client.chains[0]);
            assert_eq!(
                now.not_armed.is_some(),
                then.not_armed.is_some(),
                "{bits:b}"
            );
            let bad = Condition::NotReady;
            assert_eq!(now.condition == bad, then.condition == bad, "{bits:b}");
        }
    }

    #[test]
    fn a_question_about_no_chain_is_refused_everywhere() {
        let (verdict, _) = told(0);
        for query in ["expect=", "expect", "expect=,&expect="] {
            let verdicts = [(CHAIN.to_owned(), verdict.clone())];
            let answer = health::answer(verdicts, HealthQuestion::Armed, Some(query));
            assert!(matches!(answer, Err(Unhealthy::Senseless(_))), "{query}");
        }
    }
}
