//! YubiHSM devices, simulated: their setup, their keys, and what is wrong with either.

use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tmkms::backends::yubihsm::ceremony::derive::Role;
use tmkms::backends::yubihsm::ceremony::mnemonic::Mnemonic;
use tmkms::backends::yubihsm::ceremony::paper::words::MnemonicSheets;
use tmkms::backends::yubihsm::ceremony::setup::{Logins, SetupOptions, carry_out};
use tmkms::backends::yubihsm::ceremony::target::{Secrets, SetupTarget, factory};
use tmkms::backends::yubihsm::protocol::auth_key::Credentials;
use tmkms::backends::yubihsm::protocol::codes::{algorithm, capability, object};
use tmkms::backends::yubihsm::protocol::transport::DeviceAddress;
use tmkms::consensus::PublicKey;

use super::walk::{Said, Walk, private};
use crate::support::home::{PATIENCE, sign};
use crate::support::yubihsm_person::Person;
use crate::support::yubihsm_simulator::{Body, Object, Profile, Simulator};

fn mnemonic() -> Mnemonic {
    Mnemonic::from_entropy(&[7; 32])
}

fn fresh(serial: u32) -> Simulator {
    Simulator::start(Profile::new(serial, (2, 4, 0)))
}

/// A device that was set up from the mnemonic.
fn set_up(serial: u32) -> Simulator {
    let simulator = fresh(serial);
    let place = DeviceAddress::Http(simulator.address().to_string());
    let site = SetupTarget {
        name: place.to_string(),
        serial: None,
        connect: &|| place.transport(),
        timeout: Duration::from_secs(2),
        commands: Default::default(),
    };
    // Derived once: without optimisation it takes a while.
    static KNOWN: OnceLock<(Credentials, Secrets)> = OnceLock::new();
    let (factory, secrets) = KNOWN.get_or_init(|| (factory(), Secrets::of(&mnemonic())));
    let logins = Logins {
        factory,
        configured: None,
    };
    let wishes = SetupOptions {
        restore: true,
        ..SetupOptions::default()
    };
    let mut person = Person::knowing(&serial.to_string(), mnemonic().phrase());
    carry_out(
        &site,
        &wishes,
        logins,
        Some(secrets),
        None,
        MnemonicSheets::default(),
        &mut person,
    )
    .unwrap();
    simulator
}

fn section(simulator: &Simulator) -> String {
    format!(
        "[[providers.yubihsm]]\nadapter = {{ type = \"http\", addr = \"tcp://{}\" }}\nserial_number = \"{:010}\"\n\
         auth = {{ key = 4, password_file = \"password\" }}\nkeys = [{{ chain_ids = [\"test-1\"], key = 1 }}]\n",
        simulator.address(),
        simulator.device().profile.serial
    )
}

fn configure(walk: &Walk, sections: &str) {
    let config = walk.home.config();
    let (rest, _) = config.split_once("[[providers").unwrap();
    walk.home.configure(&format!("{rest}{sections}"));
    if !walk.path("password").exists() {
        let password = Role::Validator.password(&mnemonic());
        private(&walk.path("password"), password.as_bytes());
    }
}

/// A validator whose key is in a device that was set up, made there a moment ago. Each has a key of its own.
fn with_key(walk: &mut Walk, simulator: &Simulator) {
    configure(walk, &section(simulator));
    let made = of_mnemonic(walk, &["generate", "--mnemonic", "1"]);
    assert_eq!(made.code, 0, "{}", made.text);
    walk.home.key = key_of(simulator);
}

fn key_of(simulator: &Simulator) -> PublicKey {
    let device = simulator.device();
    let found = device
        .objects
        .values()
        .find(|one| one.kind == object::ASYMMETRIC_KEY);
    PublicKey::from_bytes("ed25519", &found.unwrap().body.public_key().unwrap()).unwrap()
}

/// `tmkms yubihsm keys …` of somebody who knows the words.
fn of_mnemonic(walk: &Walk, arguments: &[&str]) -> Said {
    walk.tmkms_with(
        &[&["yubihsm", "keys"], arguments].concat(),
        mnemonic().phrase(),
    )
}

#[test]
fn a_key_without_a_backup() {
    let simulator = set_up(1);
    let mut walk = Walk::of("a_key_without_a_backup");
    configure(&walk, &section(&simulator));
    let made = of_mnemonic(&walk, &["generate", "--mnemonic", "1"]);
    walk.home.key = key_of(&simulator);
    walk.home.init();

    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let prove = walk.printed(
        &said.text,
        "was ever proven here",
        "tmkms yubihsm keys verify-backup FILE",
    );
    let export = walk.printed(
        &made.text,
        "back it up",
        "tmkms yubihsm keys export --mnemonic -i 1 FILE",
    );
    let done = walk.paste_filled(&export, &[("FILE", "one backup")], mnemonic().phrase());
    assert_eq!(done.code, 0, "{}", done.text);
    let done = walk.paste_filled(&prove, &[("FILE", "one backup")], mnemonic().phrase());
    assert_eq!(done.code, 0, "{}", done.text);
    let said = walk.tmkms(&["check"]);
    assert!(!said.text.contains("proven"), "{}", said.text);

    // A backup that nobody opened.
    let password = Role::Operator.password(&mnemonic());
    let export = [
        "yubihsm",
        "keys",
        "export",
        "--auth-key",
        "2",
        "-i",
        "1",
        "a backup",
    ];
    let said = walk.tmkms_with(&export, &password);
    assert_eq!(said.code, 0, "{}", said.text);
    let words = "tmkms yubihsm keys verify-backup";
    let prove = walk.printed(&said.text, "prove it before you rely on it", words);
    let done = walk.paste_filled(&prove, &[], mnemonic().phrase());
    assert_eq!(done.code, 0, "{}", done.text);
    walk.signs(1);
}

#[test]
fn a_backup_that_status_misses() {
    let simulator = set_up(18);
    let mut walk = Walk::of("a_backup_that_status_misses");
    with_key(&mut walk, &simulator);
    walk.home.init();
    let export = [
        "yubihsm",
        "keys",
        "export",
        "--auth-key",
        "2",
        "-i",
        "1",
        "a backup",
    ];
    let said = walk.tmkms_with(&export, &Role::Operator.password(&mnemonic()));
    assert_eq!(said.code, 0, "{}", said.text);
    let service = walk.home.start();
    let _node = walk.node.accept(PATIENCE).unwrap();
    service.wait_for_log("ever proven");
    let began = Instant::now();
    let said = loop {
        let said = walk.tmkms(&["status"]);
        if said.text.contains("never proven") {
            break said;
        }
        assert!(began.elapsed() < PATIENCE, "{}", said.text);
    };
    let words = "tmkms yubihsm keys verify-backup FILE";
    let prove = walk.printed(&said.text, "never proven", words);
    let backup = walk.path("a backup");
    let fill = [("FILE", backup.to_str().unwrap())];
    let done = walk.paste_filled(&prove, &fill, mnemonic().phrase());
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(!walk.tmkms(&["check"]).text.contains("proven"));
}

/// The day on which it was proven is long ago.
#[test]
fn a_backup_that_was_proven_long_ago() {
    let simulator = set_up(2);
    let mut walk = Walk::of("a_backup_that_was_proven_long_ago");
    with_key(&mut walk, &simulator);
    walk.home.init();
    let backup = walk.path("the backup");
    let export = ["export", "--mnemonic", "-i", "1", backup.to_str().unwrap()];
    assert_eq!(of_mnemonic(&walk, &export).code, 0);
    let memory = walk.path("yubihsm-backups.json");
    let mut remembered: serde_json::Value =
        serde_json::from_slice(&fs::read(&memory).unwrap()).unwrap();
    for entry in remembered.as_object_mut().unwrap().values_mut() {
        entry["seconds"] = 1.into();
    }
    fs::write(&memory, remembered.to_string()).unwrap();
    let said = walk.tmkms(&["check"]);
    let prove = walk.printed(
        &said.text,
        "was last proven",
        "tmkms yubihsm keys verify-backup",
    );
    let done = walk.paste_filled(&prove, &[], mnemonic().phrase());
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(!walk.tmkms(&["check"]).text.contains("proven"));
}

#[test]
fn a_second_device_gets_the_key() {
    let (first, second) = (set_up(3), set_up(4));
    let mut walk = Walk::of("a_second_device_gets_the_key");
    with_key(&mut walk, &first);
    let backup = walk.elsewhere("backup");
    let backup = backup.to_str().unwrap();
    assert_eq!(
        of_mnemonic(&walk, &["export", "--mnemonic", "-i", "1", backup]).code,
        0
    );

    fs::remove_file(walk.path("password")).unwrap();
    configure(&walk, &section(&second));
    fs::remove_file(walk.path("password")).unwrap();
    let setup = ["yubihsm", "setup", "--restore"];
    let said = walk.tmkms_with(&setup, mnemonic().phrase());
    assert_eq!(said.code, 0, "{}", said.text);
    let words = "tmkms yubihsm derive --role validator -o FILE";
    let derive = walk.printed(&said.text, "write the validator's password", words);
    let fill = [("FILE", walk.path("password").to_str().unwrap().to_owned())];
    let done = walk.paste_filled(&derive, &[(fill[0].0, &fill[0].1)], mnemonic().phrase());
    assert_eq!(done.code, 0, "{}", done.text);

    // Its key is not there yet.
    let said = walk.tmkms(&["check"]);
    let list = walk.follow(&said, "shows the others", "tmkms yubihsm keys list");
    assert!(
        list.text.contains("no keys in this YubiHSM"),
        "{}",
        list.text
    );
    let said = walk.tmkms_with(&setup, mnemonic().phrase());
    let words = "tmkms yubihsm keys verify-backup BACKUP --into";
    let bring = walk.printed(&said.text, "bring its key in", words);
    let done = walk.paste_filled(&bring, &[("BACKUP", "backup")], mnemonic().phrase());
    assert_eq!(done.code, 0, "{}", done.text);
    walk.home.init();
    walk.is_ready();
    walk.signs(1);
}

/// Where the section has no `serial_number`.
#[test]
fn a_device_without_a_number_gets_the_key() {
    let (first, second) = (set_up(5), set_up(6));
    let mut walk = Walk::of("a_device_without_a_number_gets_the_key");
    with_key(&mut walk, &first);
    let backup = walk.elsewhere("backup");
    let backup = backup.to_str().unwrap();
    assert_eq!(
        of_mnemonic(&walk, &["export", "--mnemonic", "-i", "1", backup]).code,
        0
    );
    configure(&walk, &section(&second));
    walk.edit("serial_number = \"0000000006\"\n", "");
    let said = walk.tmkms_with(&["yubihsm", "setup", "--restore"], mnemonic().phrase());
    let words = "tmkms yubihsm keys import --mnemonic BACKUP";
    let bring = walk.printed(&said.text, "bring its key in", words);
    let done = walk.paste_filled(&bring, &[("BACKUP", "backup")], mnemonic().phrase());
    assert_eq!(done.code, 0, "{}", done.text);

    // What the key has signed comes along.
    fs::write(
        walk.elsewhere("old.json"),
        "{\"height\":\"41\",\"round\":0,\"step\":3}",
    )
    .unwrap();
    let words = "tmkms state import CHAIN FILE";
    let import = walk.printed(&done.text, "bring what this key has signed along", words);
    walk.paste_and_agree(&import, &[("CHAIN", "test-1"), ("FILE", "old.json")]);
    walk.is_ready();
    walk.signs(42);

    // A second time: with the mnemonic it is known for the very same, without it only the device could tell.
    let again = walk.paste_filled(&bring, &[("BACKUP", "backup")], mnemonic().phrase());
    assert_eq!(again.code, 0, "{}", again.text);
    assert!(again.text.contains("Kept key 0x0001"), "{}", again.text);
    let operator = ["yubihsm", "keys", "import", "--auth-key", "2", backup];
    let again = walk.tmkms_with(&operator, &Role::Operator.password(&mnemonic()));
    assert_eq!(again.code, 1, "{}", again.text);
    let list = walk.follow(
        &again,
        "is on the device already",
        "tmkms yubihsm keys list",
    );
    assert!(list.text.contains("- 0x0001: "), "{}", list.text);
}

#[test]
fn a_key_that_is_not_the_expected_one() {
    let (first, second) = (set_up(7), set_up(8));
    let mut walk = Walk::of("a_key_that_is_not_the_expected_one");
    with_key(&mut walk, &first);
    assert_eq!(
        of_mnemonic(&walk, &["export", "--mnemonic", "-i", "1", "backup"]).code,
        0
    );
    configure(&walk, &section(&second));
    let import = [
        "yubihsm",
        "keys",
        "import",
        "--auth-key",
        "2",
        "--expect",
        "00",
        "backup",
    ];
    let said = walk.tmkms_with(&import, &Role::Operator.password(&mnemonic()));
    let delete = walk.printed(
        &said.text,
        "remove it",
        "tmkms yubihsm keys delete --mnemonic 1",
    );
    let asked = walk.paste_filled(&delete, &[], mnemonic().phrase());
    assert!(
        asked
            .text
            .contains("in a terminal only, where its address is typed"),
        "{}",
        asked.text
    );
}

#[test]
fn a_key_whose_backup_fails() {
    let simulator = set_up(9);
    let walk = Walk::of("a_key_whose_backup_fails");
    configure(&walk, &section(&simulator));
    let no_wrap_key = of_mnemonic(
        &walk,
        &["generate", "--mnemonic", "-w", "9", "-b", "backup", "1"],
    );
    assert_eq!(no_wrap_key.code, 1, "{}", no_wrap_key.text);
    let restore = walk.printed(
        &no_wrap_key.text,
        "sees no wrap key",
        "tmkms yubihsm setup --restore",
    );
    let done = walk.paste_filled(&restore, &[], mnemonic().phrase());
    assert!(done.text.contains("Nothing is erased"), "{}", done.text);

    // Of another mnemonic: what it wraps cannot be opened here.
    let place = (object::WRAP_KEY, 1);
    simulator.device().objects.get_mut(&place).unwrap().body = Body::Wrap(vec![1; 32]);
    let said = of_mnemonic(&walk, &["generate", "--mnemonic", "-b", "backup", "1"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let words = "tmkms yubihsm keys delete --mnemonic 1";
    let delete = walk.printed(&said.text, "delete the key as the administrator", words);
    let asked = walk.paste_filled(&delete, &[], mnemonic().phrase());
    assert!(
        asked
            .text
            .contains("in a terminal only, where its address is typed"),
        "{}",
        asked.text
    );
}

#[test]
fn a_password_that_is_not_there() {
    let simulator = set_up(10);
    let mut walk = Walk::of("a_password_that_is_not_there");
    with_key(&mut walk, &simulator);
    walk.home.init();
    let words = "tmkms yubihsm derive --role validator -o";
    let derive = |said: &Said| {
        let derive = walk.printed(&said.text, "write the validator's password there", words);
        let done = walk.paste_filled(&derive, &[], mnemonic().phrase());
        assert_eq!(done.code, 0, "{}", done.text);
        walk.is_ready();
    };
    fs::remove_file(walk.path("password")).unwrap();
    derive(&walk.tmkms(&["check"]));
    private(&walk.path("password"), b"");
    let said = walk.tmkms(&["check"]);
    walk.follow(&said, "is empty", "rm");
    derive(&said);
    walk.signs(1);
}

#[test]
fn a_device_that_holds_keys_is_not_erased() {
    let simulator = fresh(11);
    let walk = Walk::of("a_device_that_holds_keys_is_not_erased");
    configure(&walk, &section(&simulator).replace("key = 4", "key = 1"));
    private(&walk.path("password"), b"password");
    let body = Body::from_put(algorithm::ED25519, &[9; 32]).unwrap();
    let wrap = Body::from_put(algorithm::AES256_CCM_WRAP, &[9; 32]).unwrap();
    let one = |kind, algorithm, capabilities, body| Object {
        id: 1,
        kind,
        algorithm,
        label: [0; 40],
        domains: 1,
        capabilities,
        delegated: u64::MAX,
        sequence: 0,
        origin: 1,
        body,
    };
    let signs = capability::SIGN_EDDSA | capability::EXPORTABLE_UNDER_WRAP;
    simulator
        .device()
        .insert(one(object::ASYMMETRIC_KEY, algorithm::ED25519, signs, body));
    simulator.device().insert(one(
        object::WRAP_KEY,
        algorithm::AES256_CCM_WRAP,
        capability::EXPORT_WRAPPED,
        wrap,
    ));
    let said = walk.tmkms(&["yubihsm", "setup"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let message = "back each up with";
    let fill = [("ID", "1"), ("FILE", "a backup")];
    walk.follow_filled(
        &said,
        message,
        "tmkms yubihsm keys export -i ID FILE",
        &fill,
    );
    let prove = walk.printed(&said.text, message, "tmkms yubihsm keys verify-backup FILE");
    let done = walk.paste_filled(&prove, &fill, mnemonic().phrase());
    // That device was set up from other words, if from any.
    assert!(done.text.contains("is of no use"), "{}", done.text);
}

#[test]
fn a_device_that_is_not_what_was_planned() {
    let simulator = set_up(12);
    let walk = Walk::of("a_device_that_is_not_what_was_planned");
    configure(&walk, &section(&simulator));
    let auditor = Role::Auditor.id();
    simulator
        .device()
        .objects
        .retain(|_, one| (one.kind, one.id) != (object::AUTHENTICATION_KEY, auditor));
    let verify = ["yubihsm", "setup", "--verify"];
    let said = walk.tmkms_with(&verify, mnemonic().phrase());
    assert_eq!(said.code, 1, "{}", said.text);
    let words = "tmkms yubihsm setup --restore --anew";
    let again = walk.printed(&said.text, "sets it up again from the mnemonic", words);
    let asked = walk.paste_filled(&again, &[], mnemonic().phrase());
    assert!(
        asked.text.contains("a device is erased in a terminal only"),
        "{}",
        asked.text
    );
}

#[test]
fn a_device_that_logs_too_little() {
    let simulator = set_up(13);
    let walk = Walk::of("a_device_that_logs_too_little");
    configure(&walk, &section(&simulator));
    let mut device = simulator.device();
    device.options.force_audit = 0;
    device
        .options
        .command_audit
        .values_mut()
        .for_each(|on| *on = 0);
    drop(device);
    let verify = ["yubihsm", "setup", "--verify"];
    let said = walk.tmkms_with(&verify, mnemonic().phrase());
    assert_eq!(said.code, 1, "{}", said.text);
    let words = "tmkms yubihsm setup --restore";
    let restore = walk.printed(&said.text, "turns that on and erases nothing", words);
    let done = walk.paste_filled(&restore, &[], mnemonic().phrase());
    assert_eq!(done.code, 0, "{}", done.text);
    assert_eq!(walk.tmkms_with(&verify, mnemonic().phrase()).code, 0);
}

#[test]
fn a_device_for_a_key_was_not_set_up() {
    let (first, second) = (set_up(14), fresh(15));
    let mut walk = Walk::of("a_device_for_a_key_was_not_set_up");
    with_key(&mut walk, &first);
    assert_eq!(
        of_mnemonic(&walk, &["export", "--mnemonic", "-i", "1", "backup"]).code,
        0
    );
    configure(&walk, &section(&second));
    let said = of_mnemonic(&walk, &["verify-backup", "backup", "--into", "15"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let message = "set it up from the same mnemonic first";
    let restore = walk.printed(&said.text, message, "tmkms yubihsm setup --restore");
    let asked = walk.paste_filled(&restore, &[], mnemonic().phrase());
    assert!(
        asked.text.contains("a device is erased in a terminal only"),
        "{}",
        asked.text
    );
}

#[test]
fn a_login_that_may_do_too_much() {
    let simulator = set_up(19);
    let mut walk = Walk::of("a_login_that_may_do_too_much");
    with_key(&mut walk, &simulator);
    walk.home.init();
    // The administrator's, as somebody wrote it who wanted it to work at once.
    walk.edit("key = 4", "key = 1");
    fs::remove_file(walk.path("password")).unwrap();
    private(&walk.path("password"), mnemonic().phrase().as_bytes());
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let words = "tmkms yubihsm derive --role validator -o FILE";
    let derive = walk.printed(&said.text, "has such a login for signing", words);
    let file = walk.path("validators");
    let fill = [("FILE", file.to_str().unwrap())];
    let done = walk.paste_filled(&derive, &fill, mnemonic().phrase());
    assert_eq!(done.code, 0, "{}", done.text);
    walk.edit(
        "key = 1, password_file = \"password\"",
        "key = 4, password_file = \"validators\"",
    );
    let said = walk.tmkms(&["check"]);
    assert!(!said.text.contains("more than sign"), "{}", said.text);
    walk.signs(1);

    let blank = fresh(20);
    configure(&walk, &section(&blank).replace("key = 4", "key = 1"));
    fs::remove_file(walk.path("password")).unwrap();
    private(&walk.path("password"), b"password");
    blank.device().insert(Object::ed25519(1, &[19; 32]));
    let said = walk.tmkms(&["check"]);
    let setup = walk.printed(&said.text, "set the device up with", "tmkms yubihsm setup");
    // Never without a look at what is on it.
    let asked = walk.paste(&setup);
    assert!(asked.text.contains("signing key"), "{}", asked.text);
}

#[test]
fn a_new_key_and_what_comes_next() {
    let (first, second) = (set_up(22), set_up(23));
    let mut walk = Walk::of("a_new_key_and_what_comes_next");
    configure(&walk, &format!("{}{}", section(&first), section(&second)));
    let made = of_mnemonic(
        &walk,
        &[
            "generate",
            "--serial",
            "22",
            "--mnemonic",
            "-b",
            "backup",
            "1",
        ],
    );
    assert_eq!(made.code, 0, "{}", made.text);
    walk.home.key = key_of(&first);
    let message = "bring the key into the second device";
    let words = "tmkms yubihsm keys verify-backup --into SERIAL";
    let bring = walk.printed(&made.text, message, words);
    let done = walk.paste_filled(&bring, &[("SERIAL", "23")], mnemonic().phrase());
    assert_eq!(done.code, 0, "{}", done.text);
    assert_eq!(key_of(&second), walk.home.key);
    let message = "before the first vote, as the key is new";
    let init = walk.printed(&made.text, message, "tmkms state init CHAIN --never-signed");
    let done = walk.paste_filled(&init, &[("CHAIN", "test-1")], "");
    assert_eq!(done.code, 0, "{}", done.text);
    walk.signs(1);
}

#[test]
fn a_configuration_that_is_not_whole() {
    let simulator = set_up(21);
    let mut walk = Walk::of("a_configuration_that_is_not_whole");
    with_key(&mut walk, &simulator);
    let export = ["export", "--mnemonic", "-i", "1", "backup"];
    assert_eq!(of_mnemonic(&walk, &export).code, 0);
    let follow = |said: &Said, message: &str, why: &str| {
        let check = walk.printed(&said.text, message, "tmkms check");
        let done = walk.paste(&check);
        assert!(done.text.contains(why), "{}", done.text);
    };
    walk.edit("auth = ", "auth-of = ");
    let said = of_mnemonic(&walk, &["verify-backup", "backup"]);
    follow(&said, "is not compared with", "`auth` is missing");
    walk.edit("addr = ", "address = ");
    let said = walk.tmkms(&["yubihsm", "detect"]);
    follow(&said, "no connector of it is asked", "`addr` is missing");
}

/// It is at a connector, and the command is pasted where no configuration lies.
#[test]
fn a_device_that_is_not_plugged_in() {
    let simulator = fresh(24);
    let walk = Walk::of("a_device_that_is_not_plugged_in");
    let detects = |said: &Said, message: &str| {
        let detect = walk.printed(&said.text, message, "tmkms yubihsm detect");
        let done = walk.paste(&detect);
        assert_eq!(done.code, 0, "{}", done.text);
        assert!(
            done.text.contains("- Serial #0000000024 (connector "),
            "{}",
            done.text
        );
    };
    let right = section(&simulator);
    configure(&walk, &right);
    detects(
        &walk.tmkms(&["yubihsm", "keys", "list", "--serial", "7"]),
        "lists what is plugged in",
    );
    walk.edit("\"0000000024\"", "\"9999999999\"");
    detects(&walk.tmkms(&["check"]), "a digit was mistaken");
    walk.edit("\"9999999999\"", "24");
    detects(&walk.tmkms(&["check"]), "write it as");
    let usb = "[[providers.yubihsm]]\nadapter = { type = \"usb\" }\nserial_number = \"4294967295\"\n\
               auth = { key = 4, password_file = \"password\" }\n";
    configure(&walk, &format!("{usb}{right}"));
    let list = ["yubihsm", "keys", "list", "--serial", "4294967295"];
    detects(&walk.tmkms(&list), "not plugged in");
}

#[test]
fn a_device_that_signs_wrongly() {
    let simulator = set_up(16);
    let mut walk = Walk::of("a_device_that_signs_wrongly");
    with_key(&mut walk, &simulator);
    walk.home.init();
    let service = walk.home.start();
    let mut node = walk.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &walk.home.key, 1, 1));
    simulator.device().faults.wrong_signatures = true;
    assert!(!sign(&mut node, &walk.home.key, 2, 1));
    service.wait_for_log("was discarded");
    let list = walk.printed(&service.log(), "was discarded", "tmkms yubihsm keys list");
    let done = walk.paste(&list);
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(done.text.contains("- 0x0001: "), "{}", done.text);
}

#[test]
fn a_pipe_for_sheets() {
    let simulator = fresh(17);
    let walk = Walk::of("a_pipe_for_sheets");
    configure(&walk, &section(&simulator));
    let pipe = walk.path("the printer");
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let setup = [
        "yubihsm",
        "setup",
        "--sheets",
        "2",
        "--sheets-to",
        "the printer",
    ];
    let said = walk.tmkms(&setup);
    walk.follow(
        &said,
        "others may read from the pipe",
        "rm && mkfifo -m 600",
    );
    let said = walk.tmkms(&setup);
    let cat = walk.printed(
        &said.text,
        "nobody reads from the pipe",
        "cat > /dev/usb/lp0",
    );
    let (printing, printed) = walk.paste_printing(&cat, "/dev/usb/lp0");
    let began = Instant::now();
    let said = loop {
        let said = walk.tmkms(&setup);
        // Until what prints has opened its end.
        if !said.text.contains("nobody reads") || began.elapsed() > PATIENCE {
            break said;
        }
    };
    assert!(
        said.text.contains("a device is erased in a terminal only"),
        "{}",
        said.text
    );
    drop(printing);
    assert_eq!(
        fs::read_to_string(printed).unwrap(),
        "",
        "no words leave without a person"
    );
}
