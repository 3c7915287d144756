//! A refused double sign stays in sight, over whatever is refused and signed after it, until somebody acknowledges it.

use std::time::Duration;

use serde_json::Value;
use tmkms::harness::{Listener, Node};

use crate::support::home::{Home, PATIENCE, Running, sign};
use crate::support::http::{address, get, wait_for, with_metrics};

struct Scene {
    home: Home,
    listener: Listener,
    service: Running,
    at: String,
    node: Node,
}

impl Scene {
    fn begin() -> Self {
        let listener = Listener::tcp().unwrap();
        let home = Home::new(&[listener.address().unwrap()]);
        with_metrics(&home, "listen = \"127.0.0.1:0\"");
        home.init();
        let service = home.start();
        let at = address(&service);
        let node = listener.accept(PATIENCE).unwrap();
        Self {
            home,
            listener,
            service,
            at,
            node,
        }
    }

    fn signs(&mut self, height: i64, tag: u8) -> bool {
        sign(&mut self.node, &self.home.key, height, tag)
    }

    fn chain(&self) -> Value {
        let (_, text) = self.home.run(&["status", "--json"]);
        let status: Value = serde_json::from_str(&text).unwrap();
        status["chains"][0].clone()
    }

    /// What is counted is counted after the reply has left.
    fn wait_for(&self, what: &str, done: impl Fn(&Value) -> bool) {
        wait_for(what, || done(&self.chain()));
    }

    /// The page is made again five times a second.
    fn page(&self) -> String {
        std::thread::sleep(Duration::from_millis(250));
        get(&self.at, "/").1
    }

    fn acknowledge(&self) -> String {
        let (code, text) = self.home.run(&["acknowledge", "test-1"]);
        assert_eq!(code, 0, "{text}");
        text
    }
}

#[test]
fn no_later_refusal_or_signature_hides_it_and_an_acknowledgement_does() {
    let mut scene = Scene::begin();
    assert!(scene.signs(5, 1));
    assert!(!scene.signs(5, 2), "a double sign");
    assert!(!scene.signs(3, 1), "a regression, which is refused later");
    // It leaves the strip, and the last refusal is over.
    for height in 6..=110 {
        assert!(scene.signs(height, 1));
    }
    scene.wait_for("106 signatures", |chain| chain["height"] == 110);
    scene.wait_for("what is over", |chain| {
        chain["links"][0]["last_refusal"]["over"] == true
    });
    let chain = scene.chain();
    let conflict = &chain["conflicts"][0];
    let node = scene.listener.address().unwrap().to_string();
    assert_eq!(chain["conflicts"].as_array().unwrap().len(), 1);
    assert_eq!(conflict["node"], node);
    assert_eq!(conflict["count"], 1);
    assert_eq!(conflict["last"]["position"], "5/0/prevote");
    assert_eq!(conflict["first"], conflict["last"]);
    let time = conflict["last"]["time"].as_str().unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    assert_eq!(chain["condition"], "attention");
    let last = &chain["links"][0]["last_refusal"];
    assert_eq!(last["code"], "regression", "the last one is another");

    let seen = format!("{node} asked at 5/0/prevote, {time}");
    let (code, text) = scene.home.run(&["status"]);
    assert_eq!(code, 0, "the chain signs: {text}");
    let first = text.find("look at test-1: double sign refused: ").unwrap();
    assert!(first < text.find("\ntest-1: ").unwrap(), "{text}");
    assert!(text.contains(&seen), "{text}");
    assert!(text.contains("over: last refused (regression)"), "{text}");
    let page = scene.page();
    assert!(page.contains(&seen), "{page}");
    assert!(page.contains("<p class=\"over\">over: "), "{page}");
    assert!(
        !page.contains("class=\"conflict\" title"),
        "not in the strip"
    );
    assert_eq!(get(&scene.at, "/ready").0, 200);

    let text = scene.acknowledge();
    assert!(text.contains(&seen), "what it was: {text}");
    scene
        .service
        .wait_for_log("[test-1] acknowledged: double sign refused, ");
    assert_eq!(scene.chain()["condition"], "ready");
    let (_, text) = scene.home.run(&["status"]);
    assert!(!text.contains("double sign refused"), "{text}");
    let page = scene.page();
    assert!(!page.contains("<span class=\"double\">"), "{page}");
    let text = scene.acknowledge();
    assert!(text.contains("there is no refused double sign"), "{text}");
}

#[test]
fn many_are_counted_and_one_after_an_acknowledgement_is_news() {
    let mut scene = Scene::begin();
    assert!(scene.signs(5, 1));
    for tag in 2..=101 {
        assert!(!scene.signs(5, tag));
    }
    assert!(scene.signs(6, 1));
    assert!(!scene.signs(6, 2));
    scene.wait_for("101 of them", |chain| chain["conflicts"][0]["count"] == 101);
    let conflicts = scene.chain()["conflicts"].clone();
    assert_eq!(conflicts.as_array().unwrap().len(), 1, "one for each node");
    assert_eq!(conflicts[0]["first"]["position"], "5/0/prevote");
    assert_eq!(conflicts[0]["last"]["position"], "6/0/prevote");
    assert!(
        scene
            .acknowledge()
            .contains("asked 101 times, last at 6/0/prevote")
    );
    assert!(!scene.signs(6, 3));
    scene.wait_for("the new one", |chain| chain["conflicts"][0]["count"] == 1);
    let (code, text) = scene.home.run(&["acknowledge", "test-2"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("there is no [[chain]] test-2"), "{text}");
    assert!(text.contains("configured are: test-1"), "{text}");
    assert_eq!(scene.chain()["conflicts"][0]["count"], 1, "still there");
}

/// A refusal of another kind is no double sign, and nothing is acknowledged that there is not.
#[test]
fn what_is_refused_for_another_reason_is_not_kept() {
    let mut scene = Scene::begin();
    assert!(scene.signs(5, 1));
    assert!(!scene.signs(4, 1), "a regression");
    assert!(!scene.signs(i64::MAX, 1), "a leap");
    scene.wait_for("two refusals", |chain| chain["history"]["refused"] == 2);
    let chain = scene.chain();
    assert_eq!(chain["conflicts"].as_array().unwrap().len(), 0);
    assert_eq!(chain["condition"], "ready");
    let page = scene.page();
    assert!(page.contains("<p class=\"why\">"), "not over yet: {page}");
}

#[test]
fn without_a_service_there_is_nobody_to_tell() {
    let home = Home::new(&[crate::support::ABSENT.parse().unwrap()]);
    let (code, text) = home.run(&["acknowledge", "test-1"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("no service answers for "), "{text}");
}
