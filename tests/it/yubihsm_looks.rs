//! Devices are looked at before anything is asked of a person or of them: each trouble in its own words, with its remedy.
#![cfg(feature = "yubihsm")]

use std::fs;

use crate::support::home::Home;
use crate::support::yubihsm_bench::auth_key;
use crate::support::yubihsm_simulator::{Body, Object, Profile, Simulator};
use crate::yubihsm_ceremony_program::piped;
use crate::yubihsm_program::{home, simulator};
use tmkms::backends::yubihsm::protocol::codes::{algorithm, capability, command, object};
use tmkms::harness::Listener;

const ALL: u64 = u64::MAX;

/// An authentication key with this password, in place of the one with this id.
fn login(simulator: &Simulator, id: u16, password: &str, capabilities: u64) {
    simulator.device().insert(Object {
        id,
        kind: object::AUTHENTICATION_KEY,
        algorithm: algorithm::AES128_YUBICO_AUTHENTICATION,
        label: [0; 40],
        domains: 1,
        capabilities,
        delegated: capabilities,
        sequence: 0,
        origin: 2,
        body: Body::Auth(auth_key(password)),
    });
}

fn wrap_key(simulator: &Simulator, capabilities: u64) {
    simulator.device().insert(Object {
        id: 1,
        kind: object::WRAP_KEY,
        algorithm: algorithm::AES256_CCM_WRAP,
        label: [0; 40],
        domains: 1,
        capabilities,
        delegated: ALL,
        sequence: 0,
        origin: 2,
        body: Body::Wrap(vec![5; 32]),
    });
}

/// A home that is checked with this password and authentication key.
fn checked(home: &Home, id: u16, password: &str) -> (i32, String) {
    let config = home.config();
    let (before, _) = config.split_once("auth = ").unwrap();
    let (_, after) = config.split_once("password\" }\n").unwrap();
    home.configure(&format!(
        "{before}auth = {{ key = {id}, password_file = \"password\" }}\n{after}"
    ));
    fs::write(home.path().join("password"), password).unwrap();
    home.run(&["check"])
}

#[test]
fn a_login_in_service_that_may_do_more_than_sign_is_told_at_each_start() {
    let simulator = simulator(7, 111);
    let (home, _listener) = home(&[&simulator], 111);
    home.init();
    let sign = capability::SIGN_EDDSA | capability::GET_LOG_ENTRIES;
    login(&simulator, 5, "its own", ALL);
    login(&simulator, 6, "its own", sign | capability::EXPORT_WRAPPED);
    login(&simulator, 7, "password", sign);
    login(&simulator, 8, "its own", sign);
    for (id, password, words) in [
        (
            1,
            "password\n",
            "authentication key 0x0001 has the factory's password, which everybody knows",
        ),
        (7, "password", "0x0007 has the factory's password"),
        (
            5,
            "its own",
            "0x0005 may do more than sign: whoever gets its password from this host can erase the device, delete keys",
        ),
        (
            6,
            "its own",
            "can export keys. A device that was set up here",
        ),
    ] {
        let (code, text) = checked(&home, id, password);
        assert_eq!(code, 0, "it works, so that it is not refused: {text}");
        assert!(text.contains(words), "{text}");
        let service = home.start();
        service.wait_for_log(words);
    }
    let (code, text) = checked(&home, 8, "its own");
    assert_eq!(code, 0, "{text}");
    assert!(
        !text.contains("more than sign") && !text.contains("factory"),
        "{text}"
    );
}

#[test]
fn a_password_that_is_no_password_is_named_as_that() {
    let simulator = simulator(7, 112);
    let (home, _listener) = home(&[&simulator], 112);
    home.init();
    let whole = "kms-validator-password-168w265r9rr9gjr3wu4j0dtzhkyadyy04";
    let operator = "kms-operator-password-1k02vtxh4ggxct5tngncc33rk9yy5yjhk";
    for (password, words) in [
        (
            whole.replace("-1", "-\n1"),
            "the password has a line break in it: write it as one line",
        ),
        (
            whole.replace("kms-validator-password-", ""),
            "the validator's password without its start: write `kms-validator-password-` before it",
        ),
        (format!("\u{feff}{whole}"), "begins with a byte order mark"),
        (
            whole.to_uppercase(),
            "the validator's password in capitals: write it in small letters",
        ),
        (
            operator.replace("kms-operator-password-1", ""),
            "the operator's password without its start: write `kms-operator-password-1` before it",
        ),
        (
            whole.replace("265", "256"),
            "its checksum is wrong: a letter was mistaken",
        ),
        (
            operator.to_owned(),
            "the operator's password, whose authentication key is 0x0002: correct `key` in `auth`",
        ),
        (format!("\"{whole}\""), "stands in quotation marks"),
        (format!(" {whole}"), "begins or ends with a space"),
        // Nothing to see in it.
        (
            whole.to_owned(),
            "Correct `auth`, or look at what answers there",
        ),
    ] {
        let (code, text) = checked(&home, 4, &password);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(words), "{words}: {text}");
        let text = text.to_lowercase();
        assert!(!text.contains("68w265"), "no part of it is shown: {text}");
    }
    // The right password with the id of a key that is not there: setting the device up would erase it.
    let (code, text) = checked(&home, 9, whole);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("no authentication key 0x0009; this is the validator's password, whose authentication key is 0x0004"),
        "{text}"
    );
    assert!(!text.contains("set the device up"), "{text}");
}

#[test]
fn what_a_connector_says_has_words_of_its_own() {
    let simulator = simulator(7, 113);
    let (home, _listener) = home(&[&simulator], 113);
    home.init();
    let says = |words: &str| {
        for arguments in [&["check"][..], &["yubihsm", "keys", "list"]] {
            let (code, text) = home.run(arguments);
            assert_eq!(code, 1, "{text}");
            assert!(text.contains(words), "{text}");
        }
    };
    simulator.unplug();
    says(
        "has no device; plug the YubiHSM in where the connector runs. If it is plugged in there, the connector may not open it: \
         its user needs a udev rule",
    );
    simulator.plug();
    simulator.device().faults.no_exchange = true;
    says("has a device, and could not exchange anything with it (HTTP 500)");
    simulator.device().faults.no_exchange = false;
    simulator.device().faults.foreign_host = true;
    says("refuses requests for the host `127.0.0.1` (HTTP 403)");
    says("--host-header-allowlist=127.0.0.1");
    // Before anybody types 24 words, and none are asked for.
    let (code, _, err) = piped(
        &home,
        &["yubihsm", "keys", "export", "--mnemonic", "-i", "1", "x"],
        "",
    );
    assert_eq!(code, 1);
    assert!(
        err.contains("(HTTP 403)") && !err.contains("mnemonic of 24"),
        "{err}"
    );
    assert!(!home.path().join("x").exists());
}

#[test]
fn a_serial_number_that_no_device_has() {
    let simulator = simulator(7, 114);
    let (home, _listener) = home(&[&simulator], 114);
    let config = home.config();
    for (serial, words) in [
        ("9999999999", "serial numbers end at 4294967295"),
        ("4294967296", "a digit was mistaken"),
        ("42949672950", "expected its ten digits as text"),
        ("12345678x0", "expected its ten digits as text"),
    ] {
        home.configure(
            &config.replace("auth = ", &format!("serial_number = \"{serial}\"\nauth = ")),
        );
        let (code, text) = home.run(&["check"]);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(words), "{text}");
    }
    let highest = config.replace("auth = ", "serial_number = \"4294967295\"\nauth = ");
    home.configure(&highest);
    let (_, text) = home.run(&["yubihsm", "keys", "list"]);
    assert!(text.contains("`serial_number` names 4294967295"), "{text}");
}

#[test]
fn a_test_does_not_repeat_what_no_repetition_mends() {
    let simulator = simulator(7, 115);
    let (home, _listener) = home(&[&simulator], 115);
    let failures = |key: &str| {
        let (code, text) = home.run(&["yubihsm", "test", "-n", "100", key]);
        assert_eq!(code, 1, "{text}");
        assert!(
            text.contains("and trying again does not change that"),
            "{text}"
        );
        text.matches("      Failed ").count()
    };
    assert_eq!(failures("3"), 1, "a key that may not sign");
    simulator.device().faults.wrong_signatures = true;
    assert_eq!(failures("1"), 1, "a broken device");
    simulator.device().faults.wrong_signatures = false;
    {
        let mut device = simulator.device();
        device.options.force_audit = 1;
        device.options.command_audit.insert(command::SIGN_EDDSA, 1);
    }
    assert_eq!(failures("1"), 1, "a full log");
    simulator.device().options.force_audit = 0;
    // A device that was away for a moment is tried again.
    simulator.unplug();
    let (code, text) = home.run(&["yubihsm", "test", "1"]);
    assert_eq!(code, 1, "it is looked at first: {text}");
    simulator.plug();
    // For longer than one signature is waited for.
    let away = (command::SIGN_EDDSA, std::time::Duration::from_millis(5_500));
    simulator.device().faults.slow_command = Some(away);
    let (code, text) = home.run(&["yubihsm", "test", "-n", "3", "1"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("1 of 3 signatures failed; see above"),
        "{text}"
    );
    assert_eq!(text.matches("      Failed ").count(), 1, "{text}");
    assert_eq!(text.matches("     Success ").count(), 2, "{text}");
    assert!(text.find("Failed") < text.find("Success"), "{text}");
}

#[test]
fn detect_asks_the_connectors_of_the_configuration() {
    let (one, two) = (simulator(71, 116), simulator(72, 117));
    let (home, _listener) = home(&[&one, &two], 116);
    let detect = || home.run(&["yubihsm", "detect"]);
    let (code, text) = detect();
    assert_eq!(code, 0, "{text}");
    for simulator in [&one, &two] {
        let serial = simulator.device().profile.serial;
        let line = format!(
            "- Serial #{serial:010} (connector {}, firmware 2.4.0)\n",
            simulator.address()
        );
        assert!(text.contains(&line), "{text}");
        assert_eq!(simulator.device().executed(command::CREATE_SESSION), 0);
    }
    // One that is away hides nothing.
    one.unplug();
    let (code, text) = detect();
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("Serial #0000000072") && text.contains("Warning YubiHSM at "),
        "{text}"
    );
    one.plug();
    // Another than the configured one is shown all the same.
    home.configure(&home.config().replacen(
        "auth = ",
        "serial_number = \"0000000070\"\nauth = ",
        1,
    ));
    let (code, text) = detect();
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("Serial #0000000071") && text.contains("names 0000000070"),
        "{text}"
    );
    let usb = fs::read_dir("/sys/bus/usb/devices").is_ok_and(|mut found| found.next().is_some());
    // What is wrong elsewhere is often corrected by what is shown here.
    let adapter = format!(
        "adapter = {{ type = \"http\", addr = \"tcp://{}\" }}",
        two.address()
    );
    for rest in [
        "serial_number = \"9999999999\"",
        "serial_number = 72",
        "auth = { key = 4 }\nkeys = 5\nunheard = true",
    ] {
        home.configure(&format!(
            "[[providers.yubihsm]]\n{adapter}\n{rest}\n[[chain]]\n"
        ));
        let (code, text) = detect();
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("- Serial #0000000072 (connector "), "{text}");
        assert!(
            !text.contains("Note") && !text.contains("Warning"),
            "{text}"
        );
    }
    // A configuration that is not one yet.
    home.configure("[[providers.yubihsm]]\nadapter = { type = \"http\" }\n");
    let (_, text) = detect();
    assert!(text.contains("no connector of it is asked"), "{text}");
    // A section that is not one yet hides no other.
    let both = format!("[[providers.yubihsm]]\nadapter = 1\n[[providers.yubihsm]]\n{adapter}\n");
    home.configure(&both);
    let (code, text) = detect();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("no connector of it is asked"), "{text}");
    assert!(text.contains("Serial #0000000072"), "{text}");
    // What was said of a connector is not explained by the USB.
    two.unplug();
    let (code, text) = detect();
    if !usb {
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("hint: see the warnings above"), "{text}");
        assert!(!text.contains("lsusb"), "{text}");
    }
}

#[test]
fn only_a_configuration_that_nobody_named_may_be_absent_for_detect() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    fs::remove_file(home.path().join("tmkms.toml")).unwrap();
    for named in [
        &["-c", "/missing/x.toml"][..],
        &["-c", "."],
        &["--config", "tmkms.tml"],
    ] {
        let (code, text) = home.run(&[&["yubihsm", "detect"], named].concat());
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("there is no configuration /"), "{text}");
    }
    let (_, text) = home.run(&["yubihsm", "detect"]);
    assert!(
        text.contains("there is no tmkms.toml here, so no connector is asked"),
        "{text}"
    );
}

fn json(folder: &Home, name: &str) -> String {
    let secret = ed25519_dalek::SigningKey::from_bytes(&[77; 32]);
    let base64 = |bytes: &[u8]| String::from_utf8(subtle_encoding::base64::encode(bytes)).unwrap();
    let public = secret.verifying_key().to_bytes();
    let address = &sha256(&public)[..40];
    let text = format!(
        "\u{feff} {{\"address\": \"{address}\", \"pub_key\": {{\"type\": \"tendermint/PubKeyEd25519\", \"value\": \"{}\"}}, \
         \"priv_key\": {{\"type\": \"tendermint/PrivKeyEd25519\", \"value\": \"{}\"}}}}\n",
        base64(&public),
        base64(&secret.to_keypair_bytes())
    );
    tmkms::secret_file::create(
        &folder.path().join(name),
        text.trim_start_matches('\u{feff}').as_bytes(),
    )
    .unwrap();
    name.to_owned()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    let digest = subtle_encoding::hex::encode_upper(sha2::Sha256::digest(bytes));
    String::from_utf8(digest).unwrap()
}

#[test]
fn a_file_of_another_kind_is_recognised_before_a_device_is_asked() {
    let simulator = Simulator::start(Profile::new(73, (2, 4, 0)));
    let (home, _listener) = home(&[&simulator], 118);
    let file = json(&home, "exported from the node.json");
    let import = |more: &[&str]| {
        let arguments = [&["yubihsm", "keys", "import", "--auth-key", "1"], more].concat();
        piped(&home, &arguments, "password\n")
    };
    let (code, _, err) = import(&[&file]);
    assert_eq!(code, 2, "{err}");
    assert!(
        err.contains("exported from the node.json is a priv_validator_key.json or the like"),
        "{err}"
    );
    let (code, _, err) = import(&["-i", "9", &file]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("    Imported key 0x0009: "), "{err}");

    for (text, more, words) in [
        (
            "{\"id\": 1}",
            &["-t", "wrap"][..],
            "it is JSON, and not that of a key",
        ),
        ("{\"id\": 1}", &["-i", "9"], "cannot be imported"),
        (
            PLAIN,
            &["-t", "wrap"],
            "it is a key in base64 and no backup, which is encrypted",
        ),
        (
            PLAIN.trim_end_matches('='),
            &["-t", "wrap"],
            "it is a key in base64 and no backup, which is encrypted",
        ),
        (
            "-----BEGIN PRIVATE KEY-----",
            &[],
            "a backup is one line of base64",
        ),
    ] {
        let path = home.path().join("file");
        let _ = fs::remove_file(&path);
        tmkms::secret_file::create(&path, text.as_bytes()).unwrap();
        let (code, _, err) = import(&[more, &["file"]].concat());
        assert_eq!(code, 1, "{err}");
        assert!(err.contains(words), "{err}");
        assert!(!err.contains("not the JSON"), "{err}");
        let (code, _, err) = piped(&home, &["yubihsm", "keys", "verify-backup", "file"], "");
        assert_eq!(code, 1, "{err}");
        assert!(err.contains("is of no use: it is"), "{err}");
        assert!(!err.contains("not the JSON"), "{err}");
    }

    // A key as it is, by its content.
    let path = home.path().join("file");
    fs::remove_file(&path).unwrap();
    tmkms::secret_file::create(&path, PLAIN.as_bytes()).unwrap();
    let (code, _, err) = import(&["file"]);
    assert_eq!(code, 2, "{err}");
    assert!(
        err.contains("file is no backup of a device") && err.contains("`-i ID`"),
        "{err}"
    );
    let (code, _, err) = import(&["-i", "10", "file"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("    Imported key 0x000a: "), "{err}");
}

/// A seed.
const PLAIN: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

#[test]
fn a_key_that_never_leaves_and_a_wrap_key_that_is_not_there() {
    let simulator = simulator(74, 119);
    let (home, _listener) = home(&[&simulator], 119);
    let keys = |words: &[&str]| {
        let arguments = [&["yubihsm", "keys"], words, &["--auth-key", "1"]].concat();
        let (code, _, err) = piped(&home, &arguments, "password\n");
        (code, err)
    };
    let refused = |words: &[&str], why: &str| {
        let (code, err) = keys(words);
        assert_eq!(code, 1, "{err}");
        assert!(
            err.contains("nothing was changed: ") && err.contains(why),
            "{err}"
        );
        assert!(
            !home.path().join("backup").exists(),
            "no empty file is left: {err}"
        );
    };
    let export = ["export", "--unopened", "-i", "1", "backup"];
    refused(&export, "key 0x0001 (\"\") never leaves this device");
    refused(&export, "There is no backup of it and there can be none");
    simulator
        .device()
        .objects
        .get_mut(&(object::ASYMMETRIC_KEY, 1))
        .unwrap()
        .capabilities |= capability::EXPORTABLE_UNDER_WRAP;
    refused(&export, "this login sees no wrap key 0x0001");
    refused(
        &["generate", "--unopened", "-b", "backup", "9"],
        "this login sees no wrap key 0x0001",
    );
    assert_eq!(
        simulator
            .device()
            .executed(command::GENERATE_ASYMMETRIC_KEY),
        0
    );
    wrap_key(&simulator, capability::IMPORT_WRAPPED);
    refused(&export, "may not export-wrapped");
    wrap_key(&simulator, capability::EXPORT_WRAPPED);
    let (code, err) = keys(&export);
    assert_eq!(code, 0, "{err}");
    assert!(
        err.contains("      Device YubiHSM 0000000074, firmware 2.4.0"),
        "{err}"
    );
    fs::rename(home.path().join("backup"), home.path().join("kept")).unwrap();
    refused(&["import", "kept"], "may not import-wrapped");
    simulator.device().objects.remove(&(object::WRAP_KEY, 1));
    refused(&["import", "kept"], "this login sees no wrap key 0x0001");

    // What a device cannot hold is not tried.
    let mut profile = Profile::new(75, (2, 3, 1));
    profile.fips = true;
    let fips = Simulator::start(profile);
    home.configure(&home.config().replace(
        &simulator.address().to_string(),
        &fips.address().to_string(),
    ));
    refused(
        &["generate", "9"],
        "ed25519 is disabled on this device, as it is in FIPS mode",
    );
    let (_, err) = keys(&["generate", "-t", "account", "9"]);
    assert!(
        err.contains("Warning firmware 2.3.1 leaks secp256k1 keys"),
        "{err}"
    );
}

#[test]
fn a_backup_is_proven_whatever_the_configuration_is() {
    use tmkms::backends::yubihsm::ceremony::mnemonic::Mnemonic;
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    let seed: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let mnemonic = Mnemonic::from_entropy(&seed);
    // Made by Yubico's yubihsm-wrap.
    let backup = "b2H/8LsLZSC2fzF1OkuVVGUOtI6B5lrNZ1X5nljeUkeMGWl3IFrVgS64vANXYhVeF7450BYpM9EsMNDSb6Jq9b+G37BmhvAjPlFHrLBuBTETASe2yLzq62iEnwmJ8pCCf6Cn7068hdiCj9miTrLr/bQCr3Ve2ckX/215nLUvXIHWH/nxx1lpT23/MQ3T7wMLH/eEK5Jmof5YweqHuCZloLMHmIBz3AF/l+XhTuvusQayTyzT6ZOnpQ==";
    fs::write(home.path().join("backup"), backup).unwrap();
    let whole = home.config();
    let half = "[[providers.yubihsm]]\nadapter = { type = \"usb\" }\n";
    for (config, words) in [
        (&*whole, "no chain of the configuration has this key id"),
        (half, "cannot be used as it is (`tmkms check -c "),
        ("[[chain]]\nid = ", "cannot be used as it is"),
        ("", "cannot be used as it is"),
    ] {
        home.configure(config);
        let (code, out, err) = piped(
            &home,
            &["yubihsm", "keys", "verify-backup", "backup"],
            mnemonic.phrase(),
        );
        assert_eq!(code, 0, "{err}");
        assert!(out.contains("key 0x0010"), "{out}");
        assert!(
            err.contains(words) && err.contains("      Proven key 0x0010"),
            "{err}"
        );
    }
    fs::remove_file(home.path().join("tmkms.toml")).unwrap();
    let (code, _, err) = piped(
        &home,
        &["yubihsm", "keys", "verify-backup", "backup"],
        mnemonic.phrase(),
    );
    assert_eq!(code, 0, "{err}");
}
