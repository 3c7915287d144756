//! The chains of the configuration, in the completions of those shells that can ask for them.

use clap::{Arg, Command};
use clap_complete::Shell;

/// A place where a chain id is typed.
struct Place {
    /// The words of the command: `state show`.
    command: String,
    /// The option that takes it, as `--chain`; `None` behind the command's own words.
    option: Option<String>,
}

/// The completions of clap, with the chains.
pub(super) fn completed(shell: Shell, text: &str, definition: &Command) -> String {
    let mut places = Vec::new();
    collect(definition, &mut Vec::new(), &mut places);
    match shell {
        Shell::Bash => format!("{text}\n{}", bash(&places)),
        Shell::Zsh => zsh(text),
        Shell::Fish => format!("{text}{}", fish(&places)),
        _ => text.to_owned(),
    }
}

/// Whether a chain id is its value.
fn takes_chain(argument: &Arg) -> bool {
    ["chain", "chains", "insist"].contains(&argument.get_id().as_str())
        && argument.get_action().takes_values()
}

fn collect<'a>(command: &'a Command, above: &mut Vec<&'a str>, places: &mut Vec<Place>) {
    for argument in command.get_arguments().filter(|found| takes_chain(found)) {
        places.push(Place {
            command: above.join(" "),
            option: argument.get_long().map(|long| format!("--{long}")),
        });
    }
    for sub in command.get_subcommands() {
        above.push(sub.get_name());
        collect(sub, above, places);
        above.pop();
    }
}

/// Behind clap's own function, because that one offers options only where a command takes words.
fn bash(places: &[Place]) -> String {
    let options: Vec<&str> = places
        .iter()
        .filter_map(|place| place.option.as_deref())
        .collect();
    let commands: Vec<String> = places
        .iter()
        .filter(|place| place.option.is_none())
        .map(|place| format!("\" {}\"", place.command))
        .collect();
    BASH.replace("OPTIONS", &alternatives(&options))
        .replace("COMMANDS", &alternatives(&commands))
}

/// Each once, in their order, as a pattern of `case`.
fn alternatives<T: AsRef<str>>(words: &[T]) -> String {
    let mut once: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    once.sort_unstable();
    once.dedup();
    once.join("|")
}

/// Bash has `=` as a word of its own, if COMP_WORDBREAKS is what it was. The ids are read line by line, because `compgen -W`
/// would run what they name: a `tmkms.toml` in the folder where one stands is anybody's.
const BASH: &str = r#"_tmkms_with_chains() {
    _tmkms "$@"
    local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="" config=() at chain
    for ((at = 1; at < COMP_CWORD; at++)); do
        case "${COMP_WORDS[at]}" in
            -c|--config)
                ((at++))
                [[ ${COMP_WORDS[at]} == "=" ]] && ((at++))
                config=(-c "${COMP_WORDS[at]/#\~/$HOME}")
                ;;
            --config=*) config=(-c "${COMP_WORDS[at]#--config=}") ;;
            -c?*) config=(-c "${COMP_WORDS[at]#-c}") ;;
            -*|=) ;;
            *) command="$command ${COMP_WORDS[at]}" ;;
        esac
    done
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $before == "=" ]]; then
        before="${COMP_WORDS[COMP_CWORD-2]}"
    fi
    case "$before" in
        -c|--config) return ;;
        OPTIONS) COMPREPLY=() ;;
        *)
            case "$current" in
                -*) return ;;
            esac
            case "$command" in
                COMMANDS) ;;
                *) return ;;
            esac
            ;;
    esac
    while IFS= read -r chain; do
        [[ $chain == "$current"* ]] && COMPREPLY+=("$(printf %q "$chain")")
    done < <("$1" completions --chains "${config[@]}" 2>/dev/null)
}
complete -F _tmkms_with_chains -o bashdefault -o default tmkms
"#;

/// In the lines of the arguments that take a chain, in place of clap's default.
fn zsh(text: &str) -> String {
    let mut lines = String::new();
    for line in text.split_inclusive('\n') {
        let spec = line
            .trim_start()
            .trim_start_matches("'*")
            .trim_start_matches('\'');
        let spec = spec.trim_start_matches(':');
        let takes = ["chain -- ", "chains -- ", "--chain=", "--insist="]
            .iter()
            .any(|start| spec.starts_with(start));
        match takes {
            true => lines.push_str(&line.replace(":_default'", ":_tmkms_chains'")),
            false => lines.push_str(line),
        }
    }
    let lines = lines.replacen(ZSH_START, &format!("{ZSH_START}{ZSH_WORDS}"), 1);
    match lines.split_once('\n') {
        Some((head, rest)) => format!("{head}\n\n{ZSH}{rest}"),
        None => lines,
    }
}

/// How clap's own function begins.
const ZSH_START: &str = "\n_tmkms() {\n";

/// The line as it was typed: `_arguments` cuts the commands and what is before them from `$words`.
const ZSH_WORDS: &str = "    local -a typed=(\"${words[@]}\")\n";

const ZSH: &str = r#"_tmkms_chains() {
    local -a config
    local -i at
    for ((at = 2; at <= $#typed; at++)); do
        case $typed[at] in
            -c|--config)
                ((at++))
                config=(-c "${${(Q)typed[at]}/#\~/$HOME}")
                ;;
            --config=*) config=(-c "${(Q)typed[at]#--config=}") ;;
            -c?*) config=(-c "${(Q)typed[at]#-c}") ;;
        esac
    done
    compadd -- ${(f)"$(tmkms completions --chains $config 2>/dev/null)"}
}

"#;

fn fish(places: &[Place]) -> String {
    let mut text = String::from(FISH);
    for place in places {
        let seen: Vec<String> = place
            .command
            .split(' ')
            .map(|word| format!("__fish_seen_subcommand_from {word}"))
            .collect();
        let option = match &place.option {
            Some(option) => format!(" -l {} -x", option.trim_start_matches("--")),
            None => " -f".to_owned(),
        };
        text.push_str(&format!(
            "complete -c tmkms -n \"{}\"{option} -a \"(__tmkms_chains)\"\n",
            seen.join("; and ")
        ));
    }
    text
}

const FISH: &str = r#"function __tmkms_chains
    set -l words (commandline -opc)
    set -l config
    for at in (seq 2 (count $words))
        if contains -- $words[$at] -c --config; and test $at -lt (count $words)
            set config -c (string replace -r '^~' $HOME -- $words[(math $at + 1)])
        else if string match -qr '^(--config=|-c).' -- $words[$at]
            set config -c (string replace -r '^(--config=|-c)' '' -- $words[$at])
        end
    end
    tmkms completions --chains $config 2>/dev/null
end
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_that_takes_a_chain_is_found() {
        let mut places = Vec::new();
        collect(&crate::cli::definition(), &mut Vec::new(), &mut places);
        let found: Vec<String> = places
            .iter()
            .map(|place| {
                let option = place.option.as_deref().unwrap_or("CHAIN");
                format!("{} {option}", place.command)
            })
            .collect();
        for wanted in [
            "state show CHAIN",
            "state init CHAIN",
            "state raise CHAIN",
            "softsign import --chain",
            "softsign import --insist",
        ] {
            assert!(
                found.iter().any(|place| place == wanted),
                "{wanted}: {found:#?}"
            );
        }
    }
}
