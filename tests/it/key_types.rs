//! Keys of every type, from `keygen` and `import` to a signature that is given again after a restart.

use std::fs;

use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::{KeyType, PublicKey, Signature};
use tmkms::harness::{Listener, Node};
use tmkms::text::base64;

use crate::support::chain::Chain;
use crate::support::home::{Home, PATIENCE};
use crate::support::maker;

/// CometBFT's files (tests/keys/README.md).
fn vectors() -> Vec<serde_json::Value> {
    serde_json::from_slice(&fs::read("tests/keys/cometbft.json").unwrap()).unwrap()
}

/// A home whose key is of this type, made by the program; its public half is what `keys show` says.
pub(crate) fn home(kind: KeyType, listener: &Listener) -> Home {
    let address = listener.address().unwrap();
    let mut home = Home::new(std::slice::from_ref(&address));
    let chain = Chain::new("test-1").node_with_identity(&address);
    home.configure(&format!(
        "{}algorithm = \"{kind}\"\n",
        chain.key("key.base64")
    ));
    let (code, text) = home.run(&["softsign", "keygen", "-t", kind.as_str(), "key.base64"]);
    assert_eq!(code, 0, "{text}");
    let (code, shown) = home.run(&["keys", "show", "--json"]);
    assert_eq!(code, 0, "{shown}");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let bytes = base64::decode(shown[0]["base64"].as_str().unwrap().as_bytes()).unwrap();
    home.key = PublicKey::of_type(kind, &bytes).unwrap();
    let said = |field: &str| shown[0][field].as_str().unwrap().to_owned();
    assert_eq!(said("type"), kind.as_str());
    assert_eq!(said("address"), home.key.address().to_string());
    assert!(said("comet_json").contains(kind.public_json_name()));
    assert!(text.contains(&said("address")), "{text}");
    home
}

fn signed(node: &mut Node, key: &PublicKey, height: i64) -> (Signature, Option<Signature>) {
    let request = maker().precommit(height, 0, Some(1), height, b"an extension");
    let bytes = request.sign_bytes();
    match node.ask(&Ask::Sign(request)).unwrap() {
        Answer::Signed {
            signature,
            extension_signature,
            ..
        } => {
            assert!(key.verify(bytes.as_slice(), &signature));
            assert_eq!(
                signature.as_slice().len(),
                key.key_type().signature_length()
            );
            (signature, extension_signature)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_type_signs_and_gives_the_same_signature_again_after_a_restart() {
    for kind in KeyType::ALL {
        let listener = Listener::tcp().unwrap();
        let home = home(kind, &listener);
        home.init();
        let service = home.start();
        let mut node = listener.accept(PATIENCE).unwrap();
        let told = node.ask(&Ask::PublicKey("test-1".to_owned())).unwrap();
        assert_eq!(told, Answer::PublicKey(home.key.clone()));
        for height in 1..3 {
            signed(&mut node, &home.key, height);
        }
        let first = signed(&mut node, &home.key, 3);
        assert_eq!(
            first.1.as_ref().map(|one| one.as_slice().len()),
            Some(kind.signature_length())
        );
        drop(service);
        let (code, text) = home.run(&["state", "show", "test-1"]);
        assert_eq!(code, 0, "{text}");
        let (code, text) = home.run(&["check"]);
        assert_eq!(code, 0, "{text}");
        let _service = home.start();
        let mut node = listener.accept(PATIENCE).unwrap();
        assert_eq!(signed(&mut node, &home.key, 3), first, "{kind}");
        signed(&mut node, &home.key, 4);
    }
}

#[test]
fn a_priv_validator_key_of_every_type_is_imported_and_of_no_other() {
    for vector in vectors().into_iter().take(KeyType::ALL.len()) {
        let kind = KeyType::of_name(vector["type"].as_str().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let listener = Listener::unix(&folder.path().join("node.sock")).unwrap();
        let home = home(kind, &listener);
        let file = vector["file"].to_string();
        tmkms::secret_file::create(&home.path().join("old.json"), file.as_bytes()).unwrap();
        for other in KeyType::ALL.into_iter().filter(|other| *other != kind) {
            let to = format!("new-{other}.key");
            home.configure(&home.config().replace("key.base64", &to));
            let import = ["softsign", "import", "--never-signed", "-t", other.as_str()];
            let (code, text) = home.run(&[&import[..], &["old.json", &to]].concat());
            assert_ne!(code, 0, "{text}");
            let sentence = format!("it holds a key of type {kind}, and this section wants {other}");
            assert!(text.contains(&sentence), "{text}");
            assert!(!home.path().join(&to).exists() && !home.path().join("state.json").exists());
            home.configure(&home.config().replace(&to, "key.base64"));
        }
        home.configure(&home.config().replace("key.base64", "new.key"));
        let import = [
            "softsign",
            "import",
            "--never-signed",
            "old.json",
            "new.key",
        ];
        let (code, text) = home.run(&import);
        assert_eq!(code, 0, "{text}");
        let address = vector["address"].as_str().unwrap().to_ascii_uppercase();
        assert!(text.contains(&address), "{text}");
        let (code, shown) = home.run(&["keys", "show"]);
        assert!(code == 0 && shown.contains(&address), "{shown}");
    }
}
