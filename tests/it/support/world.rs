//! A service with one chain whose one node is linked.

use std::thread;
use std::time::Instant;

use tmkms::harness::{HarnessError, Listener, Node};

use super::home::{Home, PATIENCE, Running, sign};

pub struct World {
    pub home: Home,
    pub service: Running,
    pub node: Node,
    pub listener: Listener,
}

impl World {
    /// It has signed once, at height 1.
    pub fn signing() -> Self {
        let listener = Listener::tcp().unwrap();
        let home = Home::new(&[listener.address().unwrap()]);
        home.init();
        let service = home.start();
        let node = listener.accept(PATIENCE).unwrap();
        let mut world = Self {
            home,
            service,
            node,
            listener,
        };
        assert!(world.signs(1, 1));
        world
    }

    pub fn signs(&mut self, height: i64, tag: u8) -> bool {
        sign(&mut self.node, &self.home.key, height, tag)
    }

    pub fn edit(&self, from: &str, to: &str) {
        let text = self.home.config();
        assert!(text.contains(from), "{text}");
        self.home.configure(&text.replace(from, to));
    }

    /// What `tmkms reload` says, and its exit code.
    pub fn reload(&self) -> (i32, String) {
        self.home.run(&["reload"])
    }

    /// The same, while the node is dialled again.
    pub fn reload_with_its_node(&mut self) -> (i32, String) {
        let (node, answer) = dialled_in_a_reload(&self.home, &self.listener);
        self.node = node;
        answer
    }

    /// The same, while another node is dialled in its place.
    pub fn reload_with(&mut self, listener: &Listener) -> (i32, String) {
        let (node, answer) = dialled_in_a_reload(&self.home, listener);
        self.node = node;
        answer
    }

    /// All is followed, and this is told of it.
    pub fn reloads(&self, expected: &str) {
        assert_eq!(
            self.reload(),
            (0, expected.to_owned()),
            "{}",
            self.service.log()
        );
    }

    /// Nothing is followed, for a reason with these words.
    pub fn refuses(&self, words: &str) {
        let (code, text) = self.reload();
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("nothing was changed"), "{text}");
        assert!(text.contains(words), "{text}");
    }
}

fn dialled_in_a_reload(home: &Home, listener: &Listener) -> (Node, (i32, String)) {
    thread::scope(|scope| {
        let reload = scope.spawn(|| home.run(&["reload"]));
        let node = listener.accept(PATIENCE).unwrap();
        (node, reload.join().unwrap())
    })
}

/// The next link of a listener that nobody has listened to for a while: those that gave up meanwhile are still in its queue.
pub fn next_link(listener: &Listener) -> Node {
    let began = Instant::now();
    loop {
        match listener.accept(PATIENCE) {
            Ok(node) => return node,
            Err(HarnessError::Link(_)) => assert!(began.elapsed() < PATIENCE),
            Err(other) => panic!("{other}"),
        }
    }
}
