//! What is left to do in a new home.

use std::path::Path;

use crate::backends::{is_here, usual};
use crate::remedy::{self, CommandLine, Commands};

use super::super::identities::{PublicIdentity, laddr};
use super::super::report::status;
use super::text::{NewChain, key_name};
use super::words::list;

/// Tells it for each of these chains, in the order in which it is done.
pub(super) fn next_steps(chains: &[NewChain], path: &Path, identity: Option<&PublicIdentity>) {
    if chains.is_empty() {
        let home = path.parent().unwrap_or(Path::new("."));
        status(
            "Next",
            format!(
                "write your chains into {}, or use `{}`; `{}` lists the known ones",
                path.display(),
                CommandLine::on_file("tmkms", &["init", "-n", "NAME"], home),
                list()
            ),
        );
        return;
    }
    let commands = Commands::with_config(path);
    for (at, chain) in chains.iter().enumerate() {
        status(if at == 0 { "Next" } else { "" }, key(chain, path));
        let id = &*chain.id;
        let import = commands.import(id, Path::new("FILE"));
        status("", format!("`{import}` with the old signer's state, or"));
        let init = commands.init_never_signed(id);
        status("", format!("`{init}` for a key that never signed"));
    }
    let start = commands.line(["start"]);
    let known = chains.first().and_then(|chain| chain.node.as_ref());
    if let (Some(node), Some(identity)) = (known, identity) {
        let line = laddr(node, &identity.libp2p_peer_id);
        status(
            "",
            format!("write `{line}` into the node's config.toml and restart it, then `{start}`"),
        );
        return;
    }
    status(
        "",
        match chains {
            [_] => format!("set `addr` to the node's priv_validator_laddr, then `{start}`"),
            _ => format!("set each `addr` to its node's priv_validator_laddr, then `{start}`"),
        },
    );
}

/// How the key of a chain gets there.
fn key(chain: &NewChain, path: &Path) -> String {
    let id = &*chain.id;
    if !is_here("softsign") {
        return format!(
            "add a [[providers.{}]] with the key of {id}'s validator to {}",
            usual(),
            path.display()
        );
    }
    let key = std::path::absolute(path.with_file_name("secrets").join(key_name(id)));
    let key = key.unwrap_or_else(|_| key_name(id).into());
    let keygen = match chain.needs.unusual_key_type() {
        Some(kind) => {
            CommandLine::on_file("tmkms", &["softsign", "keygen", "-t", kind.word()], &key)
        }
        None => remedy::keygen(&key),
    };
    format!(
        "bring the validator's key to {} (or make one with `{keygen}`)",
        key.display()
    )
}
