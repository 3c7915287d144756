//! Configurations: broken ones beside their exact messages, valid ones in the shapes that people use.
//! `CONFIG_UPDATE=1 cargo test --test it config::` writes the messages again.

use std::fs;
use std::path::{Path, PathBuf};

use tmkms::config::Config;
use tmkms::settings::Base;

/// Variables that are set where these files are read.
fn variable(name: &str) -> Option<String> {
    match name {
        "NODE_ADDR" => Some("tcp://node-0.node:26659\n".to_owned()),
        "NODE_NONSENSE" => Some("node-0:port".to_owned()),
        _ => None,
    }
}

fn read(path: &Path) -> Result<Config, String> {
    let base = Base {
        folder: "/etc/tmkms".into(),
        home: Some("/home/operator".into()),
        environment: variable,
        ..Base::default()
    };
    let name = path.file_name().unwrap().to_str().unwrap();
    Config::read(&fs::read_to_string(path).unwrap(), name, &base)
        .and_then(Config::for_dialling)
        .map_err(|error| error.to_string())
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    files
}

#[test]
fn broken_ones_say_exactly_what_is_wrong_and_what_to_do() {
    let files = files("tests/config/bad");
    assert!(files.len() >= 40, "{} broken configurations", files.len());
    for path in files {
        let Err(found) = read(&path) else {
            panic!("{} was accepted", path.display())
        };
        let expected = path.with_extension("txt");
        if std::env::var_os("CONFIG_UPDATE").is_some() {
            fs::write(&expected, format!("{found}\n")).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(format!("{found}\n"), wanted, "{}", path.display());
        for word in ["-->", "help:"] {
            assert!(
                found.contains(word),
                "{}: no {word} in\n{found}",
                path.display()
            );
        }
    }
}

/// A key that was pasted where something else is wanted, as the value of any setting or as its name, is in no message: neither
/// in the lines shown nor in what is said of them.
#[test]
fn a_key_that_stands_in_the_configuration_is_in_no_message() {
    const KEYS: [&str; 2] = [
        "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA",
        "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tmkms.toml");
    let mut told = 0;
    for file in files("tests/config/good") {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some((name, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
                continue;
            };
            for key in KEYS {
                let value = format!("{name}= \"{key}\"");
                let variable = format!("{name}= \"env:{key}\"");
                let renamed = format!("{key} = 1");
                for new in [value, variable, renamed] {
                    let mut lines = lines.clone();
                    lines[at] = &new;
                    let Err(error) = Config::read_for(&lines.join("\n"), &path) else {
                        continue;
                    };
                    let error = error.to_string();
                    // What is said of a public key may be shown.
                    let public = new.contains("public_key");
                    assert!(
                        public || !error.contains(key),
                        "{new} in {}: {error}",
                        file.display()
                    );
                    told += 1;
                }
            }
        }
    }
    assert!(told > 1_000, "{told}");
}

#[test]
fn valid_ones_are_accepted() {
    let files = files("tests/config/good");
    assert!(files.len() >= 30, "{} valid configurations", files.len());
    for path in files {
        if let Err(error) = read(&path) {
            panic!("{}:\n{error}", path.display());
        }
    }
}

#[test]
fn keys_take_turns_by_their_heights() {
    use tmkms::config::StatePath;
    let config = read(Path::new("tests/config/good/rotation.toml")).unwrap();
    let chain = &config.chains[0];
    let height = |height| tmkms::consensus::Height::new(height);
    let turns: Vec<_> = chain
        .keys()
        .map(|key| (key.activation_height, key.replaced_at))
        .collect();
    assert_eq!(
        turns,
        [
            (None, height(1000)),
            (height(1000), height(2000)),
            (height(2000), None)
        ]
    );
    let states: Vec<_> = chain.keys().map(|key| key.state_file.clone()).collect();
    assert_eq!(
        states,
        [
            StatePath::At("/etc/tmkms/state/c-1-consensus.json".into()),
            StatePath::At("/etc/tmkms/state/new.json".into()),
            StatePath::OfAddress {
                folder: "/etc/tmkms/state".into(),
                chain: "c-1".parse().unwrap()
            }
        ]
    );
    let of_path = |key: &tmkms::config::ChainConfig| key.key.traits().location.clone();
    let places: Vec<_> = chain.keys().map(of_path).collect();
    assert!(places[0].ends_with("old.key"), "{places:?}");
    assert!(places[2].ends_with("newest.key"), "{places:?}");
    // Where each pauses, the others do.
    let paused: Vec<_> = chain
        .keys()
        .map(|key| key.pause_file().path().to_owned())
        .collect();
    assert_eq!(
        paused[0],
        Path::new("/etc/tmkms/state/c-1-consensus.json.paused")
    );
    assert!(paused.iter().all(|path| *path == paused[0]), "{paused:?}");
}

#[test]
fn they_mean_what_they_say() {
    use tmkms::config::NodeAddress;
    use tmkms::gate::SignExtensions;
    use tmkms::link::Address;
    let config = read(Path::new("tests/config/good/everything.toml")).unwrap();
    let chain = &config.chains[0];
    assert_eq!(
        chain.state_file.fixed(),
        Some(Path::new("/etc/tmkms/state/hub.json"))
    );
    assert_eq!(chain.gate.sign_extensions, SignExtensions::Never);
    assert_eq!(
        (
            chain.gate.rate.max_gap,
            chain.gate.rate.max_blocks_per_second
        ),
        (50, 7)
    );
    assert_eq!(chain.nodes.len(), 2);
    assert_eq!(chain.nodes[0].max_height.unwrap().get(), 500_000);
    assert_eq!(chain.nodes[0].timeouts.silence.as_secs(), 10);
    assert_eq!(
        chain.nodes[0].identity.as_ref().unwrap().to_string(),
        "/home/operator/kms/id.key"
    );
    assert!(!chain.nodes[0].reconnect);
    assert!(
        matches!(&chain.nodes[1].address, NodeAddress::Known(Address::Unix(path)) if path == Path::new("/run/privval.sock"))
    );
    assert_eq!(config.warnings.len(), 1, "sign_extensions = false");
    let config = read(Path::new("tests/config/good/metrics.toml")).unwrap();
    assert_eq!(
        config.metrics.listen,
        Some("127.0.0.1:28567".parse().unwrap())
    );
    assert_eq!(
        config.metrics.textfile.as_deref(),
        Some(Path::new("/etc/tmkms/tmkms.prom"))
    );
    assert_eq!(config.metrics.hosts, ["signer.example.com", "signer.lan."]);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let config = read(Path::new("tests/config/good/lock-dir.toml")).unwrap();
    assert_eq!(
        config.chains[0].lock_dir.as_deref(),
        Some(Path::new("/run/tmkms"))
    );
    let config = read(Path::new("tests/config/good/metrics-for-everyone.toml")).unwrap();
    assert_eq!(config.warnings.len(), 1, "not loopback");
    let defaults = read(Path::new("tests/config/good/least.toml")).unwrap();
    let chain = &defaults.chains[0];
    assert_eq!(
        chain.state_file.fixed(),
        Some(Path::new("/etc/tmkms/state/c-1-consensus.json"))
    );
    assert_eq!(chain.nodes[0].timeouts.silence.as_secs(), 15);
    assert!(chain.nodes[0].reconnect && !chain.allow_ephemeral_state);
}

#[test]
fn an_address_may_stand_in_the_environment_and_a_listening_one_is_warned_of() {
    let address = |name: &str| {
        let config = read(&Path::new("tests/config/good").join(name)).unwrap();
        (
            config.chains[0].nodes[0].address.to_string(),
            config.warnings,
        )
    };
    for name in ["capitals", "slash", "blanks"] {
        let (address, warnings) = address(&format!("address-{name}.toml"));
        assert_eq!(address, "tcp://127.0.0.1:26659", "{name}");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
    for name in ["environment", "environment-blanks"] {
        let (address, _) = address(&format!("address-in-{name}.toml"));
        assert_eq!(address, "tcp://node-0.node:26659", "{name}");
    }
    assert_eq!(
        address("address-capitals-home.toml").0,
        "unix:///home/operator/x"
    );
    let (_, warnings) = address("address-unspecified.toml");
    assert!(
        warnings.len() == 1 && warnings[0].contains("write 127.0.0.1"),
        "{warnings:?}"
    );
}

/// Every key of the example, put into every other table, is told where it belongs.
#[test]
fn each_key_in_the_wrong_table_is_told_its_own() {
    let example = fs::read_to_string("tmkms.toml.example").unwrap();
    let mut table = "at the top of the file".to_owned();
    let mut keys: Vec<(String, String)> = Vec::new();
    for line in example.lines() {
        let line = line.trim_start_matches('#').trim();
        if line.starts_with('[') && line.ends_with(']') {
            table = line.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            keys.push((key.to_owned(), table.clone()));
        }
    }
    keys.dedup();
    assert!(keys.len() > 35, "{keys:?}");
    let tables: std::collections::BTreeSet<&String> = keys.iter().map(|(_, table)| table).collect();
    for wrong in tables.into_iter().filter(|table| table.starts_with('[')) {
        for (key, _) in &keys {
            // Files of other programs have this one, and it is told what to do with it.
            let known = key == "id" && wrong == "[[providers.softsign]]";
            if known || keys.contains(&(key.clone(), wrong.clone())) {
                continue;
            }
            // A table within a section needs that.
            let section = wrong.trim_matches(['[', ']']).rsplit_once('.');
            let above = match section {
                Some((section, _)) if section.contains('.') => format!("[[{section}]]\n"),
                _ => String::new(),
            };
            let text = format!("{above}{wrong}\n{key} = 1\n");
            let said = Config::read(&text, "t", &Base::default());
            let said = said.err().unwrap().to_string();
            let own = keys.iter().filter(|(other, _)| other == key);
            for (_, own) in own {
                let belongs = said
                    .lines()
                    .any(|line| line.contains("belongs") && line.contains(&**own));
                assert!(belongs, "{key} of {own} in {wrong}:\n{said}");
            }
        }
    }
}

#[test]
fn a_device_with_more_chains_than_it_can_sign_for_is_warned_of() {
    let text = |chains: usize| {
        let ids: Vec<String> = (0..chains)
            .map(|number| format!("\"c-{number}\""))
            .collect();
        let each: String = ids
            .iter()
            .map(|id| {
                let socket = id.trim_matches('"');
                format!(
                    "[[chain]]\nid = {id}\n[[validator]]\nchain_id = {id}\naddr = \"unix:///run/{socket}.sock\"\n"
                )
            })
            .collect();
        format!(
            "{each}[[providers.yubihsm]]\nadapter = {{ type = \"usb\" }}\nauth = {{ key = 4, password_file = \"p\" }}\n\
             keys = [{{ chain_ids = [{}], key = 1 }}]\n",
            ids.join(", ")
        )
    };
    let base = Base {
        folder: "/etc/tmkms".into(),
        home: None,
        ..Base::default()
    };
    let warnings = |chains| {
        let read = Config::read(&text(chains), "tmkms.toml", &base);
        read.unwrap_or_else(|error| panic!("{error}")).warnings
    };
    assert_eq!(warnings(5), Vec::<String>::new());
    let found = warnings(6);
    assert!(
        found.len() == 1 && found[0].contains("6 chains share"),
        "{found:?}"
    );
}

/// The file is wrong, and so are keys that it names: one run tells all of it.
#[test]
fn keys_that_cannot_be_opened_stand_beside_what_is_wrong_in_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str, mode: u32| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let seed = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n";
    put("good.key", seed, 0o600);
    put("open.key", seed, 0o644);
    put("hex.key", &"ab".repeat(32), 0o600);
    let text = |wrong: &str| {
        let chains = ["good", "open", "hex", "none"].map(|name| {
            format!(
                "[[chain]]\nid = \"{name}\"\n[[validator]]\nchain_id = \"{name}\"\naddr = \"tcp://{name}:1\"\n\
                 secret_key = \"no-identity.key\"\n[[providers.softsign]]\nchain_ids = [\"{name}\"]\npath = \"{name}.key\"\n"
            )
        });
        format!("{wrong}{}", chains.concat())
    };
    let wrong = put("tmkms.toml", &text("lock = 1\n"), 0o600);
    let said = Config::load(&wrong).err().unwrap().to_string();
    for (line, words) in [
        (1, "unknown key `lock`"),
        (7, "make one with"),
        (19, "chmod 600"),
        (28, "64 hexadecimal digits"),
        (37, "none.key does not exist"),
    ] {
        assert!(said.contains(words), "{words}:\n{said}");
        assert!(
            said.contains(&format!("tmkms.toml:{line}:")),
            "{line}:\n{said}"
        );
    }
    assert!(!said.contains("tmkms.toml:10:"), "{said}");
    assert_eq!(
        said.matches("make one with").count(),
        1,
        "one identity, one problem"
    );
    assert!(!said.contains("AQID") && !said.contains("abab"), "{said}");
    // Where the file is right, that is for `check` and `start`: a key may come later.
    let right = put("tmkms.toml", &text(""), 0o600);
    assert!(Config::load(&right).is_ok());
}

#[test]
fn ten_thousand_problems_are_capped() {
    let text: String = (0..10_000).map(|n| format!("unknown_{n} = 1\n")).collect();
    let began = std::time::Instant::now();
    let said = Config::read(&text, "tmkms.toml", &Base::default());
    let said = said.err().unwrap().to_string();
    assert_eq!(said.matches("error: ").count(), 50, "{}", said.len());
    assert!(said.contains("unknown key `unknown_0`"));
    // One of them is that there is no [[chain]], unless that only follows.
    assert!(said.ends_with("not shown: 9950 more problems of tmkms.toml; correct these first"));
    assert!(said.len() < 20_000, "{}", said.len());
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    let text: String = (0..50).map(|n| format!("unknown_{n} = 1\n")).collect();
    let said = Config::read(&text, "tmkms.toml", &Base::default());
    let said = said.err().unwrap().to_string();
    assert!(!said.contains("not shown"), "{said}");
}
