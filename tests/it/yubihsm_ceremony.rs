//! The key ceremony: derivation, the conversation, and a power cut before and after every frame to the device.
#![cfg(feature = "yubihsm")]

use crate::support::yubihsm_person::{Host, Person, Wire};
use crate::support::yubihsm_simulator::{Body, Moment, Object, Profile};
use tmkms::backends::yubihsm::ceremony::derive::{Role, wrap_key};
use tmkms::backends::yubihsm::ceremony::error::SetupError;
use tmkms::backends::yubihsm::ceremony::mnemonic::Mnemonic;
use tmkms::backends::yubihsm::ceremony::paper::printout::Printout;
use tmkms::backends::yubihsm::ceremony::paper::words::MnemonicSheets;
use tmkms::backends::yubihsm::ceremony::plan;
use tmkms::backends::yubihsm::ceremony::setup::{
    Logins, SetupOptions, SetupOutcome, carry_out, run,
};
use tmkms::backends::yubihsm::ceremony::target::{Secrets, factory};
use tmkms::backends::yubihsm::protocol::auth_key::AuthKey;
use tmkms::backends::yubihsm::protocol::auth_key::Credentials;
use tmkms::backends::yubihsm::protocol::codes::{capability, command, object};
use tmkms::backends::yubihsm::protocol::identity::Serial;
use tmkms::backends::yubihsm::protocol::transport::Transport;
use tmkms::terminal::RemoveOnSignal;

const WORDS: &str = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote";
const RESTORE: SetupOptions = SetupOptions {
    dry_run: false,
    restore: true,
    anew: false,
    destroy_keys: None,
    verify: false,
};

fn hex(bytes: &[u8]) -> String {
    String::from_utf8(subtle_encoding::hex::encode(bytes)).unwrap()
}

/// Printed by the older tmkms 0.15.0, and computed a second time by a script.
#[test]
fn one_mnemonic_gives_byte_for_byte_the_secrets_of_the_older_program() {
    let text = include_str!("../yubihsm_ceremony/derivation.json");
    let vectors: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        let mnemonic = Mnemonic::parse(vector["mnemonic"].as_str().unwrap())
            .ok()
            .unwrap();
        assert_eq!(hex(mnemonic.entropy()), vector["entropy"].as_str().unwrap());
        for role in Role::ALL {
            let wanted = &vector["roles"][role.name()];
            assert_eq!(
                u64::from(role.id()),
                wanted["auth_key_id"].as_u64().unwrap()
            );
            let password = role.password(&mnemonic);
            match role {
                Role::Admin => assert_eq!(*password, mnemonic.phrase()),
                _ => assert_eq!(*password, wanted["password"].as_str().unwrap()),
            }
            let (enc, mac) = (&wanted["auth_key_enc"], &wanted["auth_key_mac"]);
            assert_eq!(
                hex(&role.auth_key(&mnemonic).to_bytes()),
                [enc.as_str().unwrap(), mac.as_str().unwrap()].concat()
            );
        }
        for (id, name) in [(1, "0x0001"), (2, "0x0002")] {
            let wanted = vector["wrap_keys"][name]["key"].as_str().unwrap();
            assert_eq!(hex(&wrap_key(&mnemonic, id)[..]), wanted);
        }
    }
}

fn profile() -> Profile {
    Profile::new(7, (2, 4, 0))
}

fn setup(
    wire: &Wire,
    wishes: &SetupOptions,
    configured: Option<&Credentials>,
    person: &mut Person,
) -> Result<SetupOutcome, SetupError> {
    let inner = wire.clone();
    let connect = move || Box::new(inner.clone()) as Box<dyn Transport>;
    run(&wire.site(&connect), wishes, configured, None, person)
}

/// What a device holds, without what differs from one ceremony to the next.
fn state(wire: &Wire) -> String {
    let device = wire.device();
    let mut text = String::new();
    for object in device.objects.values() {
        let label = String::from_utf8(object.label.to_vec()).unwrap();
        let label = label.split([':', '\0']).next().unwrap();
        let secret = match &object.body {
            Body::Auth(key) => hex(&key.to_bytes()),
            Body::Wrap(key) => hex(key),
            Body::Opaque(_) => "report".to_owned(),
            _ => hex(&object.body.public_key().unwrap()),
        };
        text.push_str(&format!(
            "{} {:04x} {label} {:04x} {:x} {:x} {secret}\n",
            object.kind, object.id, object.domains, object.capabilities, object.delegated
        ));
    }
    for command in plan::AUDITED {
        text.push_str(&format!(
            "{command:02x}={} ",
            device.options.command_audit[command]
        ));
    }
    text
}

/// What the plan says, with the secrets of a mnemonic.
fn planned(mnemonic: &str) -> String {
    let mnemonic = Mnemonic::parse(mnemonic).ok().unwrap();
    let secrets = Secrets::of(&mnemonic);
    let mut all = plan::whole();
    all.sort_by_key(|planned| (planned.kind, planned.id));
    let mut text = String::new();
    for planned in all {
        let secret = match planned.kind {
            object::AUTHENTICATION_KEY => {
                let role = Role::ALL.into_iter().find(|role| role.id() == planned.id);
                hex(&secrets.role(role.unwrap()).to_bytes())
            }
            object::WRAP_KEY => hex(&secrets.wrap[..]),
            _ => "report".to_owned(),
        };
        text.push_str(&format!(
            "{} {:04x} {} {:04x} {:x} {:x} {secret}\n",
            planned.kind,
            planned.id,
            planned.name,
            planned.domains,
            planned.capabilities,
            planned.delegated
        ));
    }
    for command in plan::AUDITED {
        text.push_str(&format!("{command:02x}=1 "));
    }
    text
}

#[test]
fn a_blank_device_is_set_up_and_nothing_secret_stays_on_the_terminal() {
    let wire = Wire::new(profile());
    let mut person = Person::new("0000000007");
    person.slips = 1;
    let outcome = setup(&wire, &SetupOptions::default(), None, &mut person).unwrap();
    let mnemonic = person.paper.join(" ");
    assert_eq!(state(&wire), planned(&mnemonic));
    assert_eq!(
        person.private.matches("THE MNEMONIC").count(),
        2,
        "a slip shows it again"
    );
    // What is wrong is said where the words are looked at, and not behind them.
    let (_, again) = person
        .private
        .split_once(" was not right. Here are all 24 again")
        .unwrap();
    assert!(again.contains("THE MNEMONIC (YubiHSM 0000000007)"));
    assert!(!person.public.contains("was not right"));
    assert!(person.private.contains(" (1 of 4), from the paper:"));
    assert_eq!(person.enters.len(), 1);
    assert!(!person.enters[0].0 && person.enters[0].1.contains("pen and paper ready"));
    for line in [
        "Erasing      YubiHSM 0000000007",
        "Verifying    all of YubiHSM 0000000007",
    ] {
        assert!(person.public.contains(line), "{}", person.public);
    }
    assert_eq!(wire.device().open_sessions(), 0);
    assert_eq!(wire.device().blinks, 1);

    let parsed = Mnemonic::parse(&mnemonic).ok().unwrap();
    let everything = format!("{}{}", person.public, outcome.report);
    let mut secrets: Vec<String> = Role::ALL
        .iter()
        .map(|role| role.password(&parsed).to_string())
        .collect();
    secrets.push(hex(&wrap_key(&parsed, 1)[..]));
    for secret in secrets {
        assert!(!everything.contains(&secret));
    }
    // Not even two words of it in a row.
    for pair in person.paper.windows(2) {
        assert!(!everything.contains(&pair.join(" ")), "{pair:?}");
    }
    assert!(
        outcome
            .report
            .contains("\"device_serial_number\": \"0000000007\"")
    );

    // The report on the device is what the older program reads.
    let device = wire.device();
    let Body::Opaque(report) = &device.objects[&(object::OPAQUE, 0xfffe)].body else {
        panic!("no report")
    };
    let report: serde_json::Value = serde_json::from_slice(report).unwrap();
    assert_eq!(report["version"], 1);
    assert_eq!(report["device_serial_number"], "0000000007");
    assert_eq!(report["date"].as_array().unwrap().len(), 9);
    let uuid = report["uuid"].as_str().unwrap();
    assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
}

#[test]
fn a_second_device_from_the_same_mnemonic_is_the_same() {
    let (one, two) = (Wire::new(profile()), Wire::new(Profile::new(8, (2, 2, 0))));
    let mut person = Person::new("7");
    setup(&one, &SetupOptions::default(), None, &mut person).unwrap();
    let mut person = Person::knowing("8", &person.paper.join(" "));
    setup(&two, &RESTORE, None, &mut person).unwrap();
    assert_eq!(state(&one), state(&two));
}

#[test]
fn a_finished_device_is_verified_and_never_erased_by_its_own_mnemonic() {
    let wire = Wire::new(profile());
    setup(&wire, &RESTORE, None, &mut Person::knowing("7", WORDS)).unwrap();
    add_key(&wire, 1);
    let before = state(&wire);
    let verify = SetupOptions {
        verify: true,
        ..SetupOptions::default()
    };
    let mut person = Person::knowing("", WORDS);
    let outcome = setup(&wire, &verify, None, &mut person).unwrap();
    assert!(!outcome.changed);
    let proof = outcome.proof.unwrap();
    assert_eq!(proof.good.len(), 4 + 6 + 2, "{:?}", proof.good);
    assert_eq!(proof.keys, ["0x0001 ed25519 \"mine\""]);
    let mut person = Person::knowing("7", WORDS);
    setup(&wire, &RESTORE, None, &mut person).unwrap();
    assert!(
        person.public.contains("Somebody has set it up"),
        "{}",
        person.public
    );
    assert_eq!(state(&wire), before);
    assert_eq!(wire.device().executed(command::RESET_DEVICE), 1);
}

#[test]
fn a_dry_run_changes_nothing() {
    let wire = Wire::new(profile());
    let before = state(&wire);
    for restore in [false, true] {
        let wishes = SetupOptions {
            dry_run: true,
            restore,
            ..SetupOptions::default()
        };
        let mut person = Person::knowing("", WORDS);
        setup(&wire, &wishes, None, &mut person).unwrap();
        assert!(person.public.contains("ALL OF THEM ARE ERASED"));
        assert!(
            person
                .public
                .contains("0x0004 authentication key `validator`, domain 1")
        );
        assert!(person.public.contains("Dry run: nothing was changed."));
    }
    assert_eq!(state(&wire), before);
}

fn add_key(wire: &Wire, id: u16) {
    let mut label = [0; 40];
    label[..4].copy_from_slice(b"mine");
    wire.device().insert(Object {
        label,
        ..Object::ed25519(id, &[9; 32])
    });
}

#[test]
fn what_must_not_be_erased_is_not() {
    let wire = Wire::new(profile());
    let before = state(&wire);
    let error = setup(&wire, &RESTORE, None, &mut Person::knowing("8", WORDS)).unwrap_err();
    assert!(
        matches!(error, SetupError::OtherSerial(Serial(7))),
        "{error}"
    );
    let mut pipe = Person::knowing("7", WORDS);
    pipe.pipe = true;
    let error = setup(&wire, &RESTORE, None, &mut pipe).unwrap_err();
    assert!(matches!(error, SetupError::NoTerminal), "{error}");
    assert_eq!(state(&wire), before);

    add_key(&wire, 5);
    let before = state(&wire);
    for destroy in [None, Some(Serial(8))] {
        let wishes = SetupOptions {
            destroy_keys: destroy,
            ..RESTORE
        };
        let error = setup(&wire, &wishes, None, &mut Person::knowing("7", WORDS)).unwrap_err();
        assert!(matches!(error, SetupError::HoldsKeys { .. }), "{error}");
        assert!(error.to_string().contains("0x0005 \"mine\""), "{error}");
        assert!(error.to_string().contains("--destroy-keys 0000000007"));
    }
    assert_eq!(state(&wire), before);
    let wishes = SetupOptions {
        destroy_keys: Some(Serial(7)),
        ..RESTORE
    };
    setup(&wire, &wishes, None, &mut Person::knowing("7", WORDS)).unwrap();
    assert_eq!(state(&wire), planned(WORDS));
}

#[test]
fn keys_that_the_login_cannot_see_are_not_erased() {
    let wire = Wire::new(profile());
    add_key(&wire, 5);
    let place = (object::AUTHENTICATION_KEY, 1);
    wire.device().objects.get_mut(&place).unwrap().domains = 0xfffe;
    let error = setup(&wire, &RESTORE, None, &mut Person::knowing("7", WORDS)).unwrap_err();
    assert!(matches!(error, SetupError::Hidden(Serial(7))), "{error}");
    assert_eq!(wire.device().executed(command::RESET_DEVICE), 0);
}

/// The defect of the older program: a reset that did not happen was told as a success.
#[test]
fn a_reset_that_does_not_happen_is_noticed() {
    let wire = Wire::new(profile());
    let password = AuthKey::from_password(b"weak");
    // May not erase: nothing happens, although the factory's key is gone.
    {
        let mut device = wire.device();
        let key = (object::AUTHENTICATION_KEY, 1);
        let mut weak = device.objects.remove(&key).unwrap();
        weak.id = 3;
        weak.capabilities = capability::SIGN_EDDSA;
        weak.body = Body::Auth(password.clone());
        device.insert(weak);
    }
    let weak = Credentials {
        id: 3,
        key: password.clone(),
    };
    let error = setup(
        &wire,
        &RESTORE,
        Some(&weak),
        &mut Person::knowing("7", WORDS),
    )
    .unwrap_err();
    assert!(error.to_string().contains("may not erase"), "{error}");
    let error = setup(&wire, &RESTORE, None, &mut Person::knowing("7", WORDS)).unwrap_err();
    assert!(error.to_string().contains("ten seconds"), "{error}");
    // A device that answers well and does nothing.
    let wire = Wire::new(profile());
    wire.device().faults.reset_does_nothing = true;
    add_key(&wire, 5);
    let wishes = SetupOptions {
        destroy_keys: Some(Serial(7)),
        ..RESTORE
    };
    let error = setup(&wire, &wishes, None, &mut Person::knowing("7", WORDS)).unwrap_err();
    assert!(
        error.to_string().contains("still holds 2 objects"),
        "{error}"
    );
    assert_eq!(wire.device().executed(command::PUT_AUTHENTICATION_KEY), 0);
}

#[test]
fn a_device_that_differs_from_the_plan_is_named() {
    let wire = Wire::new(profile());
    setup(&wire, &RESTORE, None, &mut Person::knowing("7", WORDS)).unwrap();
    {
        let mut device = wire.device();
        let kind = object::AUTHENTICATION_KEY;
        device.objects.get_mut(&(kind, 4)).unwrap().domains = 3;
        device.objects.get_mut(&(kind, 2)).unwrap().body =
            Body::Auth(AuthKey::from_bytes(&[1; 32]));
        let mut stranger = device.objects[&(kind, 1)].clone();
        stranger.id = 9;
        device.insert(stranger.clone());
        stranger.id = 0xfffe;
        device.insert(stranger);
        device.objects.get_mut(&(object::WRAP_KEY, 1)).unwrap().body = Body::Wrap(vec![1; 32]);
        device.objects.remove(&(object::OPAQUE, 0xfffe));
        device
            .options
            .command_audit
            .insert(command::DELETE_OBJECT, 0);
    }
    let verify = SetupOptions {
        verify: true,
        ..SetupOptions::default()
    };
    let error = setup(&wire, &verify, None, &mut Person::knowing("", WORDS)).unwrap_err();
    let SetupError::Differs { wrong, .. } = &error else {
        panic!("{error}")
    };
    let told = wrong.join("\n");
    for words in [
        "operator (0x0002) does not log in",
        "0x0004 `validator` differs: it may sign-ecdsa, sign-eddsa, get-log-entries, sign-attestation-certificate; may give nothing; is in domains 0x0003",
        "authentication key 0x0009",
        "a temporary key (0xfffe) is left over",
        "the wrap key is not the mnemonic's",
        "0xfffe `yubihsm.rs setup report` is missing",
        "1 commands that concern keys are not logged",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(wrong.len(), 7, "{told}");
    // Another mnemonic, a device that a role of it may use, and one from the factory.
    for wire in [&wire, &Wire::new(profile())] {
        let other = Mnemonic::from_entropy(&[5; 32]);
        let mut person = Person::knowing("", other.phrase());
        let validator = Credentials {
            id: 4,
            key: Role::Validator.auth_key(&Mnemonic::parse(WORDS).ok().unwrap()),
        };
        let error = setup(wire, &verify, Some(&validator), &mut person).unwrap_err();
        assert!(matches!(error, SetupError::Stranger(_)), "{error}");
    }
    let wishes = SetupOptions {
        anew: true,
        ..RESTORE
    };
    setup(&wire, &wishes, None, &mut Person::knowing("7", WORDS)).unwrap();
    assert_eq!(state(&wire), planned(WORDS));
}

#[test]
fn wrong_words_are_told_in_private_and_asked_for_again() {
    let wire = Wire::new(profile());
    let mut person = Person::knowing("7", &WORDS.replace("vote", "vtoe"));
    // The rest of the line does not count, and what was right is not typed again.
    person.mnemonics.push("zoo zoo".to_owned());
    person.mnemonics.push("zoo ".repeat(24));
    person.mnemonics.extend(["zoo"; 23].map(str::to_owned));
    person
        .mnemonics
        .extend(["- zoo", "VOTE"].map(str::to_owned));
    setup(&wire, &RESTORE, None, &mut person).unwrap();
    for words in [
        "word 24, `vtoe`, is not in the list: did you mean toe or vote?",
        "these are 25 words",
        "the checksum is wrong",
        "Word 24 of 24:",
        "Word 1 of 24 (again, not shown while you type):",
    ] {
        assert!(
            person.private.contains(words),
            "{words}: {}",
            person.private
        );
    }
    assert!(!person.public.contains("vtoe"));
    assert_eq!(state(&wire), planned(WORDS));
}

/// What is said last would be wiped with the screen.
#[test]
fn the_last_word_on_the_private_screen_waits_for_enter() {
    let wire = Wire::new(profile());
    let zoo = ["zoo"; 24].join(" ");
    let mut person = Person::knowing("7", &zoo);
    person.mnemonics = vec![zoo; 5];
    let error = setup(&wire, &RESTORE, None, &mut person).unwrap_err();
    assert!(matches!(error, SetupError::GivenUp(_)), "{error}");
    let (private, question) = person.enters.last().unwrap();
    assert!(*private && question.contains("wipe"), "{question}");
    assert_eq!(person.private.matches("the checksum is wrong").count(), 5);
    assert!(wire.device().is_fresh());
}

/// With and without words: the device, its serial number, the words.
#[test]
fn both_ways_of_a_setup_ask_in_the_same_order() {
    let wire = Wire::new(profile());
    let (mut new, mut again) = (Person::new("8"), Person::knowing("8", WORDS));
    for (wishes, person) in [(SetupOptions::default(), &mut new), (RESTORE, &mut again)] {
        let error = setup(&wire, &wishes, None, person).unwrap_err();
        assert!(
            matches!(error, SetupError::OtherSerial(Serial(7))),
            "{error}"
        );
        assert!(
            person.enters.is_empty(),
            "no words before the device is named"
        );
    }
    assert_eq!(again.mnemonics.len(), 1);
    let (said, more) = again
        .public
        .split_once("What a setup with the same words began")
        .unwrap();
    assert!(new.public.starts_with(said), "{}\n{said}", new.public);
    assert!(more.contains("Type its serial number to erase it:"));
    // Agreed to once, and asked once.
    let mut person = Person::knowing("7", WORDS);
    setup(&wire, &RESTORE, None, &mut person).unwrap();
    assert_eq!(person.public.matches("Type its serial number").count(), 1);
    assert_eq!(person.public.matches("ALL OF THEM ARE ERASED").count(), 1);
    // Another device's words: nothing was seen of it before, so that it is asked again before it is erased.
    let other = Mnemonic::from_entropy(&[5; 32]);
    let admin = Credentials {
        id: 1,
        key: Role::Admin.auth_key(&Mnemonic::parse(WORDS).ok().unwrap()),
    };
    let mut person = Person::knowing("7", other.phrase());
    setup(&wire, &RESTORE, Some(&admin), &mut person).unwrap();
    assert_eq!(person.public.matches("Type its serial number").count(), 2);
    assert_eq!(state(&wire), planned(other.phrase()));
}

/// A setup with sheets for so many holders, which are printed from a file in memory.
#[cfg(target_os = "linux")]
fn with_sheets(
    wire: &Wire,
    wishes: &SetupOptions,
    holders: u8,
    person: &mut Person,
) -> (Result<SetupOutcome, SetupError>, Option<String>, bool) {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = folder.path().join("sheets");
    let mut printout = Printout::open(&path, holders, RemoveOnSignal::default())
        .ok()
        .unwrap();
    person.sheets = Some(path.clone());
    let inner = wire.clone();
    let connect = move || Box::new(inner.clone()) as Box<dyn Transport>;
    let site = wire.site(&connect);
    let result = run(&site, wishes, None, Some(&mut printout), person);
    let left = printout.left_to_do();
    drop(printout);
    (result, left, path.exists())
}

#[cfg(target_os = "linux")]
#[test]
fn sheets_are_printed_before_the_quiz_which_asks_for_words_of_each() {
    for (holders, asked) in [(1, 4), (2, 4), (6, 6)] {
        let wire = Wire::new(profile());
        let mut person = Person::new("7");
        let (result, left, there) =
            with_sheets(&wire, &SetupOptions::default(), holders, &mut person);
        let report = result.unwrap().report;
        let mnemonic = person.paper.join(" ");
        assert_eq!(state(&wire), planned(&mnemonic));
        for (at, word) in person.paper.iter().enumerate() {
            let line = format!("{:>4}. {word}", at + 1);
            assert_eq!(person.printed.matches(&line).count(), usize::from(holders));
            assert!(!person.public.contains(&line) && !report.contains(&line));
        }
        assert!(person.printed.contains("YubiHSM 0000000007"));
        let wanted: Vec<String> = (0..asked)
            .map(|at| match holders {
                1 => String::new(),
                _ => format!("{} of {holders}", at % usize::from(holders) + 1),
            })
            .collect();
        assert_eq!(person.copies, wanted);
        assert!(left.unwrap().contains("`rm /dev/shm/"));
        assert!(there, "it is the person's to remove");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn sheets_of_a_typed_mnemonic_are_its_words() {
    let wire = Wire::new(profile());
    let print = |person: &mut Person| {
        let (result, ..) = with_sheets(&wire, &RESTORE, 2, person);
        result.unwrap();
        assert_eq!(person.copies.len(), 4);
        assert!(person.printed.contains("  24. vote"));
        assert_eq!(person.printed.matches("zoo").count(), 2 * 23);
    };
    print(&mut Person::knowing("7", WORDS));
    assert_eq!(state(&wire), planned(WORDS));
    // Once more, with the device as it is.
    print(&mut Person::knowing("7", WORDS));
    assert_eq!(wire.device().executed(command::RESET_DEVICE), 1);
    let mut pipe = Person::knowing("", WORDS);
    pipe.pipe = true;
    let (result, left, there) = with_sheets(&wire, &RESTORE, 2, &mut pipe);
    assert!(matches!(result.unwrap_err(), SetupError::NoTerminal));
    assert!(!pipe.private.contains("zoo") && left.is_none() && !there);
}

#[cfg(target_os = "linux")]
#[test]
fn without_the_proof_the_sheets_are_removed_and_nothing_is_erased() {
    let wire = Wire::new(profile());
    let before = state(&wire);
    for wishes in [SetupOptions::default(), RESTORE] {
        let mut person = Person::knowing("7", WORDS);
        person.leaves_at_quiz = true;
        let (result, left, there) = with_sheets(&wire, &wishes, 2, &mut person);
        assert!(matches!(result.unwrap_err(), SetupError::GivenUp(_)));
        assert!(person.printed.contains("copy 2 of 2"));
        assert!(left.is_none() && !there);
    }
    assert_eq!(state(&wire), before);
}

/// The other end of the pipe to the printer goes away.
#[cfg(target_os = "linux")]
#[test]
fn a_printer_that_fails_costs_nothing() {
    let wire = Wire::new(profile());
    let before = state(&wire);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("printer");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    let reader = rustix::fs::open(&path, flags, mode).unwrap();
    let mut printout = Printout::open(&path, 2, RemoveOnSignal::default())
        .ok()
        .unwrap();
    drop(reader);
    let inner = wire.clone();
    let connect = move || Box::new(inner.clone()) as Box<dyn Transport>;
    let site = wire.site(&connect);
    let mut person = Person::new("7");
    let error = run(
        &site,
        &SetupOptions::default(),
        None,
        Some(&mut printout),
        &mut person,
    )
    .unwrap_err();
    let told = error.to_string();
    assert!(told.starts_with("nothing was changed: "), "{told}");
    assert!(told.contains("printing: Broken pipe"), "{told}");
    assert_eq!(state(&wire), before);
}

/// The log of the device says what the plan says, and nothing else happened.
#[test]
fn the_devices_log_is_the_plan() {
    for version in [(2, 3, 1), (2, 4, 0)] {
        let wire = Wire::new(Profile::new(7, version));
        setup(&wire, &RESTORE, None, &mut Person::knowing("7", WORDS)).unwrap();
        let device = wire.device();
        let bytes = device.log.to_bytes();
        let entries: Vec<(u8, u16, u16, u8)> = bytes[5..]
            .chunks_exact(32)
            .map(|entry| {
                let word = |at: usize| u16::from_be_bytes([entry[at], entry[at + 1]]);
                (entry[2], word(5), word(7), entry[11])
            })
            .filter(|(command, ..)| *command != 0 && *command != 0xff)
            .collect();
        let put = command::PUT_AUTHENTICATION_KEY;
        let temporary = 0xfffe;
        let wanted = [
            // Before it comes the option that turns the log on, which is not logged itself.
            (put, 1, temporary),
            (command::DELETE_OBJECT, temporary, 1),
            (put, temporary, 1),
            (put, temporary, 2),
            (put, temporary, 3),
            (put, temporary, 4),
            (command::PUT_WRAP_KEY, temporary, 1),
            (command::PUT_OPAQUE, temporary, temporary),
            (command::DELETE_OBJECT, 1, temporary),
            (command::WRAP_DATA, 1, 1),
        ];
        let found: Vec<(u8, u16, u16)> = entries
            .iter()
            .map(|(command, by, target, _)| (*command, *by, *target))
            .collect();
        assert_eq!(found, wanted, "{version:?}");
        assert!(
            entries
                .iter()
                .all(|(command, .., result)| *result == command | 0x80)
        );
    }
}

/// A power cut before and after every frame, with and without the host: each time the mnemonic alone completes it.
fn cuts(moment: Moment, host: Host) {
    let wire = Wire::new(profile());
    let secrets = Secrets::of(&Mnemonic::parse(WORDS).ok().unwrap());
    let logins = Logins {
        factory: &factory(),
        configured: None,
    };
    let setup = |wire: &Wire, person: &mut Person| {
        let inner = wire.clone();
        let connect = move || Box::new(inner.clone()) as Box<dyn Transport>;
        carry_out(
            &wire.site(&connect),
            &RESTORE,
            logins,
            Some(&secrets),
            None,
            MnemonicSheets::default(),
            person,
        )
    };
    setup(&wire, &mut Person::new("7")).unwrap();
    let frames = wire.frames();
    let wanted = planned(WORDS);
    assert!(frames > 60, "{frames}");
    let next = std::sync::atomic::AtomicU64::new(1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let frame = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    if frame > frames {
                        return;
                    }
                    let wire = Wire::new(profile());
                    wire.cut(frame, moment, host);
                    let first = setup(&wire, &mut Person::new("7"));
                    // The last frame only closes a session, which nobody waits for.
                    if host == Host::Dies && frame < frames {
                        assert!(first.is_err(), "{frame} {moment:?}");
                    }
                    wire.boot();
                    let mut person = Person::new("7");
                    let outcome = setup(&wire, &mut person).unwrap_or_else(|error| {
                        panic!("{frame} {moment:?} {host:?}: {error}\n{}", person.public)
                    });
                    assert!(outcome.proof.unwrap().wrong.is_empty());
                    assert_eq!(state(&wire), wanted, "{frame} {moment:?} {host:?}");
                }
            });
        }
    });
}

#[test]
fn a_power_cut_before_any_frame_is_survived() {
    cuts(Moment::Before, Host::Dies);
}

#[test]
fn a_power_cut_after_any_frame_is_survived() {
    cuts(Moment::After, Host::Dies);
}

#[test]
fn a_device_that_loses_its_power_before_any_frame_is_completed() {
    cuts(Moment::Before, Host::Lives);
}

#[test]
fn a_device_that_loses_its_power_after_any_frame_is_completed() {
    cuts(Moment::After, Host::Lives);
}
