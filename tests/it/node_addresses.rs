//! A node's address in a variable (`addr = "env:NAME"`) that only the service has: what does not dial works without it.

use crate::support::home::{Home, PATIENCE, sign};
use tmkms::harness::Listener;

const NAME: &str = "TMKMS_TEST_NODE";

/// A home whose node is to be in [`NAME`], and where that node listens.
fn home() -> (Home, Listener, String) {
    let listener = Listener::tcp().unwrap();
    let address = listener.address().unwrap();
    let home = Home::new(std::slice::from_ref(&address));
    let written = format!("addr = \"{address}\"");
    assert!(home.config().contains(&written), "{}", home.config());
    home.configure(
        &home
            .config()
            .replace(&written, &format!("addr = \"env:{NAME}\"")),
    );
    (home, listener, address.to_string())
}

#[test]
fn what_does_not_dial_works_where_only_the_service_has_the_variable() {
    let (home, listener, address) = home();
    home.init();
    let key = home.key.clone();
    let running = home.start_with(|command| {
        command.env(NAME, &address);
    });
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &key, 1, 0));
    let ask = |arguments: &[&str], value: Option<&str>| {
        let mut command = home.command(arguments);
        value.map(|value| command.env(NAME, value));
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), said)
    };
    // Not set, set to nothing, and to what is no address.
    for value in [None, Some(""), Some("nonsense")] {
        for arguments in [
            &["status", "--armed"][..],
            &["status", "--json"],
            &["acknowledge", "test-1"],
            &["keys", "show"],
            &["state", "show"],
        ] {
            let (code, said) = ask(arguments, value);
            assert_eq!(code, 0, "{arguments:?} {value:?}: {said}");
            assert!(!said.contains(NAME), "{arguments:?}: {said}");
        }
        // What dials says so, at the line.
        for arguments in [&["check"][..], &["start"]] {
            let (code, said) = ask(arguments, value);
            assert_eq!(code, 2, "{arguments:?} {value:?}: {said}");
            assert!(
                said.contains(&format!("environment variable {NAME} ")),
                "{said}"
            );
            assert!(said.contains(&format!("addr = \"env:{NAME}\"")), "{said}");
        }
    }
    drop(running);
    drop(node);
    for arguments in [
        &["state", "raise", "test-1", "--height", "9"][..],
        &["state", "export", "test-1", "--format", "cometbft"],
    ] {
        let (code, said) = ask(arguments, None);
        assert_eq!(code, 0, "{arguments:?}: {said}");
    }
    let (code, said) = ask(&["check"], Some(&address));
    assert_eq!(code, 0, "{said}");
}
