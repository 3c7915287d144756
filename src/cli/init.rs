//! `tmkms init`: a home with an identity key, folders, and a commented configuration. Never overwrites; what is there
//! already is left as it is, what is missing is added.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::backends::softsign::Purpose;
use crate::backends::softsign::key::SoftKey;
use crate::backends::{is_here, usual};
use crate::config::Config;
use crate::networks::{self, Meaning, Network};
use crate::os::files::replace::{Readers, create};
use crate::os::files::strangers;
use crate::remedy::{self, CommandLine, Commands};
use crate::secret_file::{self, SecretFileError};

use super::networks::table;
use super::report::{Failure, status};

/// The port of the first network's node; each further one is ten above.
const PORT: u16 = 26_659;

/// Make a home for the signer.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms init -n cosmoshub\n  tmkms init -n cosmoshub,irishub,columbus /path/to/kms/home"
)]
pub(super) struct Init {
    /// Networks to configure: names, chain ids, or chain ids without their number
    #[arg(short, long, value_delimiter = ',', value_name = "NAME,..")]
    networks: Vec<String>,
    /// The folder; made if it is not there
    #[arg(default_value = ".")]
    home: PathBuf,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        // Before anything is made.
        let networks = resolve(&self.networks)?;
        let path = self.home.join("tmkms.toml");
        // What `start` would not use is not made.
        strangers::around(&path).map_err(Failure::new)?;
        for folder in ["", "secrets", "state"] {
            make_folder(&self.home.join(folder))?;
        }
        make_identity(&self.home.join("secrets/kms-identity.key"))?;
        let missing = match write_new(&path, &configuration(&networks)) {
            Ok(()) => {
                status("Created", path.display());
                Vec::new()
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                status(
                    "Kept",
                    format!("{}, which is there already", path.display()),
                );
                not_in(&path, &networks)?
            }
            Err(error) => return Err(failed(&path, &error)),
        };
        next_steps(&networks, &path);
        match missing.as_slice() {
            [] => Ok(()),
            some => {
                let names: Vec<&str> = some.iter().map(|network| network.chain_id).collect();
                let sections: String = some
                    .iter()
                    .enumerate()
                    .map(|(at, network)| section(network, at))
                    .collect();
                Err(Failure::new(format!(
                    "{} is never overwritten, and has no [[chain]] {}",
                    path.display(),
                    names.join(", ")
                ))
                .hint(format!(
                    "add by hand, with ports of your own:\n\n{sections}"
                )))
            }
        }
    }
}

/// The networks that the words mean, each once.
fn resolve(words: &[String]) -> Result<Vec<Network>, Failure> {
    let mut found: Vec<Network> = Vec::new();
    for word in words
        .iter()
        .map(|word| word.trim())
        .filter(|word| !word.is_empty())
    {
        match networks::find(word) {
            Meaning::One(network) if found.contains(&network) => {}
            Meaning::One(network) => found.push(network),
            Meaning::Several(several) => {
                return Err(Failure::usage(format!(
                    "`{word}` can mean {} networks",
                    several.len()
                ))
                .hint(format!("name one by its chain id:\n\n{}", table(&several))));
            }
            Meaning::None(near) => {
                let failure = Failure::usage(format!("no network is known as `{word}`"));
                return Err(match near.as_slice() {
                    [] => failure.hint(format!(
                        "`{}` lists all; any other chain is written into tmkms.toml by hand",
                        list()
                    )),
                    near => failure.hint(format!(
                        "did you mean {}? `{}` lists all",
                        near.join(", "),
                        list()
                    )),
                });
            }
        }
    }
    Ok(found)
}

pub(super) fn make_folder(path: &Path) -> Result<(), Failure> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) => Err(failed(path, &error)),
    }
}

pub(super) fn make_identity(path: &Path) -> Result<(), Failure> {
    if fs::symlink_metadata(path).is_ok() {
        status(
            "Kept",
            format!("{}, which is there already", path.display()),
        );
        return Ok(());
    }
    let (_, text) = SoftKey::generate(Purpose::Consensus)
        .map_err(|error| Failure::new(format!("no random numbers: {error}")))?;
    match secret_file::create(path, &text) {
        Ok(()) => status(
            "Created",
            format!(
                "{}: the identity of links; it signs no votes",
                path.display()
            ),
        ),
        Err(SecretFileError::Exists(_)) => status("Kept", path.display()),
        Err(error) => return Err(Failure::new(error)),
    }
    Ok(())
}

pub(super) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    create(path, text.as_bytes(), Readers::Owner)
}

/// The networks that a file which is there already does not configure.
fn not_in(path: &Path, networks: &[Network]) -> Result<Vec<Network>, Failure> {
    if networks.is_empty() {
        return Ok(Vec::new());
    }
    let config = Config::load(path).map_err(|error| {
        Failure::usage(error).hint("correct the file that is there already, or move it away")
    })?;
    let has = |network: &&Network| {
        config
            .chains
            .iter()
            .any(|chain| chain.id.as_str() == network.chain_id)
    };
    Ok(networks
        .iter()
        .filter(|network| !has(network))
        .cloned()
        .collect())
}

/// The command that lists the known networks.
fn list() -> CommandLine {
    CommandLine::without_config(["networks"])
}

fn next_steps(networks: &[Network], path: &Path) {
    let Some(first) = networks.first() else {
        let home = path.parent().unwrap_or(Path::new("."));
        status(
            "Next",
            format!(
                "write your chains into {}, or move it away and use `{}`; `{}` lists the known ones",
                path.display(),
                CommandLine::on_file("tmkms", &["init", "-n", "NAME"], home),
                list()
            ),
        );
        return;
    };
    let id = first.chain_id;
    let commands = Commands::with_config(path);
    let key = std::path::absolute(path.with_file_name("secrets").join(key_name(id)));
    let key = key.unwrap_or_else(|_| key_name(id).into());
    let keygen = remedy::keygen(&key);
    status(
        "Next",
        match is_here("softsign") {
            true => format!(
                "bring the validator's key to {} (or make one with `{keygen}`)",
                key.display()
            ),
            false => format!(
                "add a [[providers.{}]] with the validator's key to {}",
                usual(),
                path.display()
            ),
        },
    );
    let import = commands.import(id, Path::new("FILE"));
    status("", format!("`{import}` with the old signer's state, or"));
    let init = commands.init_never_signed(id);
    status("", format!("`{init}` for a key that never signed"));
    let start = commands.line(["start"]);
    status(
        "",
        format!("set `addr` to the node's priv_validator_laddr, then `{start}`"),
    );
}

fn key_name(chain_id: &str) -> String {
    format!("{chain_id}-consensus.key")
}

fn configuration(networks: &[Network]) -> String {
    let mut text = String::from(
        "# tmkms: the configuration. Paths are relative to the folder of this file.\n\
         # tmkms.toml.example shows every setting with its default.\n\n\
         # In a container: a folder of the host, mounted into every container that may sign, so that two of them with copies\n\
         # of a key refuse each other.\n\
         # lock_dir = \"/run/tmkms\"\n",
    );
    if networks.is_empty() {
        let example = Network {
            name: "mychain",
            chain_id: "mychain-1",
            prefix: "cosmos",
            series: "",
            title: "Take the leading `# ` away and set your chain's values",
            mainnet: true,
        };
        for line in section(&example, 0).lines() {
            text.push_str(if line.is_empty() { "\n" } else { "# " });
            if !line.is_empty() {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    for (at, network) in networks.iter().enumerate() {
        text.push_str(&section(network, at));
    }
    text.push_str(ETCD);
    text
}

/// For several hosts with one key; nothing of it is on.
const ETCD: &str = "\n# Several hosts with one key share the watermark in etcd: take the leading `# ` away, and add `store = \"etcd\"` to the\n\
     # [[chain]]. All steps are in docs/two-hosts.md.\n\
     # [etcd]\n\
     # endpoints = [\"https://etcd-1:2379\", \"https://etcd-2:2379\", \"https://etcd-3:2379\"]\n\
     # ca_file = \"etcd/ca.crt\"\n\
     # cert_file = \"etcd/signer.crt\"\n\
     # key_file = \"etcd/signer.key\"\n\
     # username = \"tmkms\"\n\
     # password_file = \"secrets/etcd-password\"\n";

fn section(network: &Network, at: usize) -> String {
    let port = PORT.saturating_add(u16::try_from(at).unwrap_or(0).saturating_mul(10));
    let id = network.chain_id;
    let extensions = match network.has_extensions() {
        Some(true) => {
            "# Nodes of this network can have vote extensions; they are signed where the node wants them.\nsign_extensions = \"auto\"\n"
        }
        Some(false) => {
            "# Nodes of this network have no vote extensions yet; with \"auto\" nothing changes when they get them.\nsign_extensions = \"auto\"\n"
        }
        None => {
            "# Vote extensions are signed where the node wants them.\nsign_extensions = \"auto\"\n"
        }
    };
    format!(
        "\n# {title}\n[[chain]]\nid = \"{id}\"\n\
         {key_format}\
         # The double-sign watermark. Never restore it from a backup, never copy it to a second host: for two hosts with\n\
         # one key see docs/two-hosts.md, and the [etcd] section at the end of this file.\n\
         state_file = \"state/{id}-consensus.json\"\n{extensions}\n\
         # The node: its priv_validator_laddr. Another node of this chain is another [[validator]].\n\
         [[validator]]\nchain_id = \"{id}\"\naddr = \"tcp://127.0.0.1:{port}\"\nsecret_key = \"secrets/kms-identity.key\"\n\n\
         {key}",
        title = network.title,
        key_format = network.key_format_line(),
        key = key_section(id),
    )
}

fn key_section(id: &str) -> String {
    match is_here("softsign") {
        true => format!(
            "# The validator's key. For a node's own priv_validator_key.json add `key_format = \"json\"`.\n\
             [[providers.softsign]]\nchain_ids = [\"{id}\"]\npath = \"secrets/{}\"\n",
            key_name(id)
        ),
        // What a device's section needs only the operator knows.
        false => format!(
            "# The validator's key: a [[providers.{}]] section; tmkms.toml.example shows what stands in it.\n",
            usual()
        ),
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(format!("{} cannot be made: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            failure.hint(
                "make room on that disk and run the same command again; nothing was left there",
            )
        }
        _ => failure.hint("choose a folder that you may write to"),
    }
}
