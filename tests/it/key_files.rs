//! Files of other kinds in the place of a key: each is known for what it is, by every reader of key files.
//! `KEY_FILES_UPDATE=1 cargo test --test it key_files::` writes the sentences again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::ABSENT;
use crate::support::command::tmkms;
use crate::support::home::Home;
use tmkms::backends::KeySource;
use tmkms::backends::softsign::{FileFormat, KeyFile};
use tmkms::consensus::KeyType;
use tmkms::link::identity;
use tmkms::remedy::Commands;
use tmkms::secret_file::SecretSource;

/// The public key of the seed that all of these files hold: the bytes from 1 to 32.
const PUBLIC: &str = "79B5562E8FE654F94078B112E8A98BA7901F853AE695BED7E0E3910BAD049664";

/// What encrypts those of them that are encrypted and can be opened.
const PASSPHRASE: &str = "correct horse battery\n";

fn key(path: &Path, format: FileFormat, kind: KeyType) -> Result<String, String> {
    let source = SecretSource::File(path.to_owned());
    let file = KeyFile::new(
        source,
        format,
        kind,
        Commands::default(),
        Default::default(),
    );
    let opened = file.open().map_err(|error| error.to_string())?;
    Ok(tmkms::consensus::key_text::to_hex(
        &opened.signer.public_key(),
    ))
}

fn fixtures() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir("tests/key_files")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("said"))
        .collect();
    files.sort();
    files
}

/// A private copy, and the folder that it is in.
fn private(fixture: &Path) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(fixture.file_name().unwrap());
    fs::copy(fixture, &path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    (folder, path)
}

/// What opens the encrypted ones, in a private file.
fn passphrase_beside(path: &Path) -> PathBuf {
    let passphrase = path.with_file_name("passphrase");
    fs::write(&passphrase, PASSPHRASE).unwrap();
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    passphrase
}

#[test]
fn each_kind_of_file_has_its_sentence() {
    let files = fixtures();
    assert!(files.len() >= 30, "{} files", files.len());
    let mut said = String::new();
    for fixture in &files {
        let (folder, path) = private(fixture);
        let folder = format!("{}/", folder.path().display());
        said.push_str(&format!("{}\n", path.file_name().unwrap().display()));
        let source = SecretSource::File(path.clone());
        let link = identity::load(&source).map(|_| "read".to_owned());
        let encrypted = FileFormat::Encrypted(SecretSource::File(passphrase_beside(&path)));
        let answers = [
            ("base64", key(&path, FileFormat::Base64, KeyType::Ed25519)),
            ("json", key(&path, FileFormat::Json, KeyType::Ed25519)),
            ("pem", key(&path, FileFormat::Pem, KeyType::Ed25519)),
            ("encrypted", key(&path, encrypted, KeyType::Ed25519)),
            ("identity", link),
        ];
        for (how, answer) in answers {
            let text = match answer {
                Ok(text) => text,
                Err(text) => text,
            };
            said.push_str(&format!("  {how}: {}\n", text.replace(&folder, "")));
        }
    }
    let expected = Path::new("tests/key_files/said");
    if std::env::var_os("KEY_FILES_UPDATE").is_some() {
        fs::write(expected, &said).unwrap();
    }
    assert_eq!(said, fs::read_to_string(expected).unwrap_or_default());
}

/// Words that stand in messages about files of any kind.
fn said_of_all(part: &str) -> bool {
    part.starts_with("tendermint/")
        || part.starts_with("priv_validator_key")
        || part.ends_with("key.json")
        // What is no secret, and stands in an encrypted file for whoever opens it in an editor.
        || part == "passphrase."
}

/// `-c` may be given any file: what is not a configuration is named as what it is, and nothing of it is shown.
#[test]
fn nothing_of_a_file_that_is_named_as_the_configuration_is_shown() {
    for fixture in fixtures() {
        let (folder, path) = private(&fixture);
        let bytes = fs::read(&path).unwrap();
        let (text, path) = (String::from_utf8_lossy(&bytes), path.to_str().unwrap());
        for command in [&["check"][..], &["start"], &["status"], &["keys", "show"]] {
            let done = tmkms(folder.path(), &[command, &["-c", path]].concat());
            assert_ne!(done.code, 0);
            let said = done.out + &done.err;
            let name = fixture.file_name().unwrap().to_str().unwrap();
            // Configurations of others are shown where they are wrong.
            if name.ends_with(".toml") || name.ends_with(".yaml") {
                continue;
            }
            assert!(said.contains("is not a configuration: "), "{name}: {said}");
            shows_nothing_of(&text, &said, name);
        }
    }
}

/// The same for a file that is named as another signer's state.
#[test]
fn nothing_of_a_file_that_is_named_as_a_state_is_shown() {
    let home = Home::new(&[ABSENT.parse().unwrap()]);
    for fixture in fixtures() {
        let (_folder, path) = private(&fixture);
        let name = fixture.file_name().unwrap().to_str().unwrap();
        // What can be taken over or read is shown where it is wrong.
        let state = ["state-", "tmkms.toml", "kms.yaml"]
            .iter()
            .any(|known| name.starts_with(known));
        let bytes = fs::read(&path).unwrap();
        let (text, path) = (String::from_utf8_lossy(&bytes), path.to_str().unwrap());
        for command in [
            &["state", "import", "test-1", path, "--yes"][..],
            &["adopt", path, "--chain", "test-1", "--yes"],
        ] {
            let (code, said) = home.run(command);
            if !state {
                assert_ne!(code, 0, "{name}: {said}");
                shows_nothing_of(&text, &said, name);
            }
            if name.starts_with("priv_validator_key-b") {
                assert!(
                    said.contains("it is a priv_validator_key.json"),
                    "{name}: {said}"
                );
            }
        }
    }
}

fn shows_nothing_of(text: &str, said: &str, name: &str) {
    for line in text.lines().filter(|line| line.len() >= 8) {
        assert!(!said.contains(line.trim()), "{name}: {line} in {said}");
    }
    let parts = text.split(|char: char| char.is_whitespace() || "\",:=".contains(char));
    for part in parts.filter(|part| part.len() >= 12 && !said_of_all(part)) {
        assert!(!said.contains(part), "{name}: {part} in {said}");
    }
}

/// Each command that converts a file makes a private one of the key that was in it.
#[test]
fn what_can_be_converted_is_converted_by_the_command_that_is_printed() {
    // A bare machine may be without it; `.ci/run` never is.
    let openssl = Command::new("openssl").arg("version").output().is_ok();
    let mut converted = Vec::new();
    for fixture in fixtures() {
        let (_folder, path) = private(&fixture);
        let Err(said) = key(&path, FileFormat::Base64, KeyType::Ed25519) else {
            continue;
        };
        let Some((_, rest)) = said.split_once("convert it with `") else {
            continue;
        };
        let name = fixture.file_name().unwrap().to_str().unwrap().to_owned();
        let command = rest.split('`').next().unwrap();
        if command.contains("openssl") && !openssl {
            continue;
        }
        let asks = command.contains("-topk8");
        let ending = if asks { "encrypted.pem" } else { "base64" };
        let new = path.with_file_name(format!("{name}.{ending}"));
        // Instead of a terminal.
        let passphrase = passphrase_beside(&path);
        // Of one file it would take the second line for the new one.
        let again = path.with_file_name("again");
        fs::copy(&passphrase, &again).unwrap();
        let (from, to) = (passphrase.display(), again.display());
        let told = format!("-scrypt -passin file:{from} -passout file:{to}");
        let command = &*command.replace("-scrypt", &told);
        nothing_is_overwritten(command, &new);
        let done = Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(done.status.success(), "{name}: {command}: {done:?}");
        let mode = fs::metadata(&new).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        let encrypted = || FileFormat::Encrypted(SecretSource::File(passphrase.clone()));
        match said.contains("key_type = \"account\"") {
            _ if asks => drop(key(&new, encrypted(), KeyType::Secp256k1).unwrap()),
            true => {
                let read = key(&new, FileFormat::Base64, KeyType::Secp256k1).unwrap();
                let der = Command::new("openssl")
                    .args([
                        "ec",
                        "-pubout",
                        "-conv_form",
                        "compressed",
                        "-outform",
                        "DER",
                        "-in",
                    ])
                    .arg(&path)
                    .output()
                    .unwrap();
                let point = &der.stdout[der.stdout.len() - 33..];
                let point = subtle_encoding::hex::encode_upper(point);
                assert_eq!(read.as_bytes(), point, "{name}");
            }
            false => assert_eq!(
                key(&new, FileFormat::Base64, KeyType::Ed25519).as_deref(),
                Ok(PUBLIC),
                "{name}: {command}"
            ),
        }
        converted.push(name);
    }
    let wanted = if openssl { 12 } else { 9 };
    assert!(converted.len() >= wanted, "{converted:?}");
}

/// What lies there already, whether a file or what a link leads to, stays as it is, and nothing private gets into it.
fn nothing_is_overwritten(command: &str, new: &Path) {
    let other = new.with_extension("other");
    for shell in ["sh", "bash"] {
        for file in [new, &other] {
            fs::write(file, "another file\n").unwrap();
            fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
            if file == other {
                std::os::unix::fs::symlink(&other, new).unwrap();
            }
            let done = Command::new(shell).args(["-c", command]).output();
            // A bare machine may be without bash.
            if let Ok(done) = done {
                assert!(!done.status.success(), "{shell}: {command}: {done:?}");
            }
            assert_eq!(fs::read(file).unwrap(), b"another file\n", "{command}");
            fs::remove_file(new).unwrap();
        }
        fs::remove_file(&other).unwrap();
    }
}
