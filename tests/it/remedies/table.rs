//! All remedies: every command that a message prints, and who walks it.

/// One command of one message.
pub struct Remedy {
    /// The source file.
    pub file: &'static str,
    /// The call that makes the command.
    pub made: &'static str,
    /// Words of the message.
    pub message: &'static str,
    /// The command's words, in their order; others may stand between them.
    pub words: &'static str,
    /// Who walks it.
    pub by: By,
}

/// Who walks a remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A test of this file, by its name.
    Walk(&'static str),
    /// A test elsewhere: its file and name.
    Test(&'static str, &'static str),
    /// Nobody, for this reason.
    Nobody(&'static str),
}

const fn row(
    file: &'static str,
    made: &'static str,
    message: &'static str,
    words: &'static str,
    by: By,
) -> Remedy {
    Remedy {
        file,
        made,
        message,
        words,
        by,
    }
}

use By::{Nobody, Test, Walk};

/// Where commands are made for messages, and no message stands.
pub const MAKERS: &[&str] = &[
    "src/remedy.rs",
    "src/gate/toll.rs",
    "src/backends/yubihsm/commands.rs",
    "src/backends/ledger/transport/mod.rs",
];

/// Texts that name a command of this program and tell nobody to run it, with the reason.
pub const MENTIONS: &[(&str, &str, &str)] = &[
    (
        "src/cli/state/share.rs",
        "on each other host",
        "for another host, whose configuration lies elsewhere",
    ),
    (
        "src/cli/state/share.rs",
        "on any of them",
        "for all hosts, whose configurations lie elsewhere",
    ),
    (
        "src/backends/yubihsm/sheets.rs",
        "Tried (`tmkms yubihsm keys verify-backup`)",
        "a label on paper, for any host",
    ),
    (
        "src/backends/yubihsm/sheets.rs",
        "What to do with them",
        "words on paper, for any host",
    ),
    (
        "src/cli/demo.rs",
        "README.md has the five minutes",
        "names of commands for a reader who has no home yet",
    ),
    ("src/cli/harness/run.rs", "Examples:", "a help text"),
    (
        "src/cli/check/connect.rs",
        "only `tmkms check` is connected",
        "said to the node",
    ),
    (
        "src/service/control.rs",
        "`tmkms status` cannot be answered",
        "what does not work",
    ),
    (
        "src/service/control.rs",
        "`tmkms status` is answered at",
        "what works",
    ),
    (
        "src/backends/ledger/mod.rs",
        "tmkms starts without it",
        "what the service does",
    ),
];

/// Commands of the system that are printed as they are, and why no test runs them.
pub const SYSTEM: &[(&str, &str, &str)] = &[
    (
        "src/service/signals.rs",
        "systemctl restart tmkms",
        "needs the unit; deploy/systemd/try has it",
    ),
    (
        "src/backends/softsign/mod.rs",
        "(umask 077; tr a-f A-F < {} | basenc --base16 -d | base64 > {new})",
        "run by a_key_in_hexadecimal_digits with its files",
    ),
    (
        "src/os/surroundings.rs",
        "swapoff -a",
        "needs root, and would change this host",
    ),
    (
        "src/os/surroundings.rs",
        "date -s \"YYYY-MM-DD hh:mm\"",
        "needs root, and would change this host",
    ),
    (
        "src/os/surroundings.rs",
        "ip link set DEVICE down",
        "needs root, and would cut this host off",
    ),
    (
        "src/cli/yubihsm/detect.rs",
        "lsusb",
        "shows what is plugged into this host",
    ),
    (
        "src/gate/store/file/folder.rs",
        "dmesg",
        "shows this host's kernel",
    ),
];

/// The table.
pub const TABLE: &[Remedy] = &[
    // A watermark that is shared in etcd.
    row(
        "src/cli/check/etcd.rs",
        "line([\"state\",word,config.id.as_str()])",
        "this host's state file is not shared yet",
        "state",
        Test(
            "tests/it/shared_program.rs",
            "a_chain_is_shared_and_joined_after_a_question",
        ),
    ),
    row(
        "src/cli/state/init.rs",
        "line([\"state\",\"share\",chain.id.as_str()])",
        "puts it into etcd",
        "state share",
        Test(
            "tests/it/shared_program.rs",
            "a_chain_is_shared_and_joined_after_a_question",
        ),
    ),
    row(
        "src/gate/store/file/error.rs",
        "line([\"state\",\"leave\",chain.as_str()])",
        "end the sharing after that with `",
        "state leave",
        Test(
            "tests/it/shared_program.rs",
            "a_file_that_was_shared_is_not_used_by_itself",
        ),
    ),
    row(
        "src/cli/state/leave.rs",
        "line([\"state\",\"join\",chain.id.as_str()])",
        "takes part again",
        "state join",
        Test(
            "tests/it/shared_program.rs",
            "who_leaves_goes_on_alone_and_who_abandons_stops",
        ),
    ),
    row(
        "src/cli/state/shared.rs",
        "line([\"state\",\"leave\",chain.id.as_str()])",
        "shared with other hosts",
        "state leave",
        Test(
            "tests/it/shared_program.rs",
            "a_shared_watermark_is_raised_for_all_and_lowered_for_none",
        ),
    ),
    row(
        "src/cli/state/shared.rs",
        "line([\"state\",\"share\",chain.id.as_str()])",
        "not shared yet; `",
        "state share",
        Test(
            "tests/it/shared_program.rs",
            "a_chain_is_shared_and_joined_after_a_question",
        ),
    ),
    row(
        "src/cli/state/shared.rs",
        "line([\"state\",word,chain.id.as_str()])",
        "nobody knows whether it was done",
        "state",
        Test(
            "tests/it/shared_program.rs",
            "an_etcd_that_is_away_is_named",
        ),
    ),
    row(
        "src/cli/state/takeover/current.rs",
        "line([\"state\",\"leave\",place.chain_id.as_str()])",
        "end the sharing with `",
        "state leave",
        Test(
            "tests/it/shared_program.rs",
            "a_shared_watermark_is_raised_for_all_and_lowered_for_none",
        ),
    ),
    row(
        "src/gate/store/etcd/latch.rs",
        "line([\"state\",word,chain.as_str()])",
        "is gone from etcd",
        "state",
        Test(
            "tests/it/shared_program.rs",
            "after_the_key_was_deleted_by_hand_the_highest_host_shares_it_again",
        ),
    ),
    row(
        "src/gate/store/etcd/shared.rs",
        "line([\"state\",word,key.chain_id().as_str()])",
        "this host's state file is not shared yet",
        "state",
        Test(
            "tests/it/shared_program.rs",
            "a_chain_is_shared_and_joined_after_a_question",
        ),
    ),
    row(
        "src/service/arm.rs",
        "line([\"state\",\"join\",id.as_str()])",
        "takes what etcd knows into it",
        "state join",
        Test(
            "tests/it/shared_program.rs",
            "a_copied_file_takes_what_etcd_knows",
        ),
    ),
    // Keys in files.
    row(
        "src/secret_file.rs",
        "make_private(path)",
        "others may read the secret in",
        "chmod 600",
        Walk("a_key_that_others_may_read"),
    ),
    row(
        "src/secret_file.rs",
        "make_private(path)",
        "the group may read the secret in",
        "chmod 600",
        Walk("a_key_that_the_group_may_read"),
    ),
    row(
        "src/secret_file.rs",
        "give_to(me,path)",
        "who can read and replace it",
        "chown",
        Walk("a_key_of_another_user"),
    ),
    // Who can exchange what is used.
    row(
        "src/os/strangers.rs",
        "shut_out(\"o\",&self.path)",
        "can replace files and folders in",
        "chmod o-w",
        Test(
            "tests/it/exposed.rs",
            "a_key_or_state_that_everybody_may_replace_arms_nothing",
        ),
    ),
    row(
        "src/os/strangers.rs",
        "shut_out(\"g\",&self.path)",
        "unless that is meant",
        "chmod g-w",
        Test("tests/it/exposed.rs", "what_may_be_meant_is_warned_of"),
    ),
    row(
        "src/os/strangers.rs",
        "give_to(me(),&self.path)",
        "can write to",
        "chown",
        Nobody("root works for any owner, and nobody else can run it"),
    ),
    row(
        "src/config/permissions.rs",
        "make_private(&path)",
        "can read the password in",
        "chmod 600",
        Test(
            "tests/it/exposed.rs",
            "a_password_that_everybody_may_read_is_warned_of",
        ),
    ),
    row(
        "src/backends/softsign/mod.rs",
        "remove(path)",
        "remove it with",
        "rm",
        Walk("an_empty_consensus_key"),
    ),
    row(
        "src/backends/softsign/mod.rs",
        "on_file(\"install\",&[\"-m\",\"600\",what],path)",
        "bring the key: from its backup",
        "install -m 600 BACKUP",
        Walk("a_missing_consensus_key_with_a_backup"),
    ),
    row(
        "src/backends/softsign/mod.rs",
        "on_file(\"install\",&[\"-m\",\"600\",what],path)",
        "bring the priv_validator_key.json there",
        "install -m 600 KEY",
        Walk("a_missing_consensus_key_in_json"),
    ),
    row(
        "src/backends/softsign/mod.rs",
        "line(import)",
        "from another signer, together with its state",
        "tmkms softsign import --state STATE KEY",
        Walk("a_missing_consensus_key_at_another_signer"),
    ),
    row(
        "src/backends/softsign/mod.rs",
        "keygen(path)",
        "only for a validator that has never signed",
        "tmkms softsign keygen",
        Walk("a_missing_consensus_key_of_a_new_validator"),
    ),
    row(
        "src/backends/softsign/mod.rs",
        "without_config([\"softsign\",\"keygen\",\"-t\",\"account\",name])",
        "only for a validator that has never signed",
        "tmkms softsign keygen -t account",
        Walk("a_missing_account_key_of_a_new_validator"),
    ),
    row(
        "src/link/identity.rs",
        "keygen(path)",
        "the identity key",
        "tmkms softsign keygen",
        Walk("a_missing_identity_key"),
    ),
    row(
        "src/link/identity.rs",
        "remove(path)",
        "remove it with",
        "rm",
        Walk("an_empty_identity_key"),
    ),
    row(
        "src/link/identity.rs",
        "move_aside(path)",
        "move it away with",
        "mv -n",
        Walk("an_identity_key_that_is_none"),
    ),
    row(
        "src/link/identity.rs",
        "keygen(Path::new(\"FILE\"))",
        "put another one there",
        "tmkms softsign keygen FILE",
        Walk("an_identity_key_in_the_environment_that_is_none"),
    ),
    row(
        "src/cli/softsign/mod.rs",
        "make_folder(self.path.parent().unwrap_or(Path::new(\".\")))",
        "make its folder first",
        "mkdir -p -m 700",
        Walk("a_key_in_a_folder_that_is_not_there"),
    ),
    // The configuration.
    row(
        "src/config/nodes.rs",
        "keygen(&base.in_folder(IDENTITY))",
        "make that key with",
        "tmkms softsign keygen",
        Walk("a_link_without_an_identity"),
    ),
    row(
        "src/config/nodes.rs",
        "keygen(&base.in_folder(IDENTITY))",
        "name a key of its own for the links",
        "tmkms softsign keygen",
        Walk("an_identity_that_is_the_consensus_key"),
    ),
    row(
        "src/config/file.rs",
        "init_height(id)",
        "take over the height that the hook gave",
        "tmkms state init test-1 --height H",
        Walk("a_state_hook_and_its_height"),
    ),
    row(
        "src/config/file.rs",
        "import(id,Path::new(\"FILE\"))",
        "or a state file with",
        "tmkms state import test-1 FILE",
        Walk("a_state_hook_and_its_file"),
    ),
    // YubiHSMs.
    row(
        "src/backends/yubihsm/error.rs",
        "keys_list()",
        "shows the others",
        "tmkms yubihsm keys list",
        Walk("a_second_device_gets_the_key"),
    ),
    row(
        "src/backends/yubihsm/error.rs",
        "without_config([\"yubihsm\",\"detect\"])",
        "not plugged in",
        "tmkms yubihsm detect",
        Walk("a_device_that_is_not_plugged_in"),
    ),
    row(
        "src/backends/yubihsm/config.rs",
        "without_config([\"yubihsm\",\"detect\"])",
        "write it as",
        "tmkms yubihsm detect",
        Walk("a_device_that_is_not_plugged_in"),
    ),
    row(
        "src/cli/yubihsm/mod.rs",
        "without_config([\"yubihsm\",\"detect\"])",
        "lists what is plugged in",
        "tmkms yubihsm detect",
        Walk("a_device_that_is_not_plugged_in"),
    ),
    row(
        "src/backends/yubihsm/mod.rs",
        "keys_list()",
        "was thrown away",
        "tmkms yubihsm keys list",
        Walk("a_device_that_signs_wrongly"),
    ),
    row(
        "src/backends/yubihsm/backup.rs",
        "keys_list()",
        "shows the others",
        "tmkms yubihsm keys list",
        Nobody("the key would have to vanish between two commands"),
    ),
    row(
        "src/backends/yubihsm/memory.rs",
        "verify_backup(file)",
        "was ever proven here",
        "tmkms yubihsm keys verify-backup FILE",
        Walk("a_key_without_a_backup"),
    ),
    row(
        "src/backends/yubihsm/memory.rs",
        "verify_backup(file)",
        "was last proven",
        "tmkms yubihsm keys verify-backup",
        Walk("a_backup_that_was_proven_long_ago"),
    ),
    row(
        "src/backends/yubihsm/provider.rs",
        "remove(path)",
        "remove it with",
        "rm",
        Walk("a_password_that_is_not_there"),
    ),
    row(
        "src/backends/yubihsm/provider.rs",
        "without_config([\"yubihsm\",\"derive\",\"--role\",\"validator\",\"-o\",path])",
        "write the validator's password there",
        "tmkms yubihsm derive --role validator -o",
        Walk("a_password_that_is_not_there"),
    ),
    row(
        "src/backends/yubihsm/printout.rs",
        "remove(path)",
        "others may read from the pipe",
        "rm && mkfifo -m 600",
        Walk("a_pipe_for_sheets"),
    ),
    row(
        "src/backends/yubihsm/printout.rs",
        "on_file(\"mkfifo\",&[\"-m\",\"600\"],path)",
        "others may read from the pipe",
        "rm && mkfifo -m 600",
        Walk("a_pipe_for_sheets"),
    ),
    row(
        "src/backends/yubihsm/printout.rs",
        "on_file(\"cat\",&[],path)",
        "nobody reads from the pipe",
        "cat > /dev/usb/lp0",
        Walk("a_pipe_for_sheets"),
    ),
    row(
        "src/backends/yubihsm/printout.rs",
        "remove(&self.path)",
        "the words are still in",
        "rm",
        Test(
            "tests/it/yubihsm_ceremony_program.rs",
            "sheets_with_the_words",
        ),
    ),
    row(
        "src/backends/yubihsm/setup.rs",
        "line([\"keys\",\"export\",\"-i\",\"ID\",\"FILE\"])",
        "back each up with",
        "tmkms yubihsm keys export -i ID FILE",
        Walk("a_device_that_holds_keys_is_not_erased"),
    ),
    row(
        "src/backends/yubihsm/setup.rs",
        "verify_backup(\"FILE\")",
        "prove that with",
        "tmkms yubihsm keys verify-backup FILE",
        Walk("a_device_that_holds_keys_is_not_erased"),
    ),
    row(
        "src/backends/yubihsm/setup.rs",
        "line([\"setup\",\"--restore\",\"--anew\"])",
        "sets it up again from the mnemonic",
        "tmkms yubihsm setup --restore --anew",
        Walk("a_device_that_is_not_what_was_planned"),
    ),
    row(
        "src/backends/yubihsm/verify.rs",
        "line([\"setup\",\"--restore\"])",
        "turns that on and erases nothing",
        "tmkms yubihsm setup --restore",
        Walk("a_device_that_logs_too_little"),
    ),
    row(
        "src/cli/yubihsm/setup.rs",
        "line(generate)",
        "make the key",
        "tmkms yubihsm keys generate --mnemonic -b BACKUP 1",
        Test(
            "tests/it/yubihsm_ceremony_program.rs",
            "from_a_blank_device_to_a_signed_vote_in_a_real_terminal",
        ),
    ),
    row(
        "src/cli/yubihsm/setup.rs",
        "bring(\"BACKUP\")",
        "bring its key in",
        "tmkms yubihsm keys verify-backup BACKUP --into",
        Walk("a_second_device_gets_the_key"),
    ),
    row(
        "src/cli/yubihsm/setup.rs",
        "bring(\"BACKUP\")",
        "bring its key in",
        "tmkms yubihsm keys import --mnemonic BACKUP",
        Walk("a_device_without_a_number_gets_the_key"),
    ),
    row(
        "src/cli/yubihsm/setup.rs",
        "without_config(derive)",
        "write the validator's password",
        "tmkms yubihsm derive --role validator -o FILE",
        Walk("a_second_device_gets_the_key"),
    ),
    row(
        "src/cli/yubihsm/keys/generate.rs",
        "line(export)",
        "back it up",
        "tmkms yubihsm keys export --mnemonic -i 1 FILE",
        Walk("a_key_without_a_backup"),
    ),
    row(
        "src/cli/yubihsm/keys/generate.rs",
        "line([\"keys\",\"delete\",\"--mnemonic\",&id.to_string()])",
        "delete the key as the administrator",
        "tmkms yubihsm keys delete --mnemonic 1",
        Walk("a_key_whose_backup_fails"),
    ),
    row(
        "src/cli/yubihsm/keys/mod.rs",
        "verify_backup(&file.to_string_lossy())",
        "prove it before you rely on it",
        "tmkms yubihsm keys verify-backup",
        Walk("a_key_without_a_backup"),
    ),
    row(
        "src/cli/yubihsm/keys/import.rs",
        "import(\"CHAIN\",Path::new(\"FILE\"))",
        "bring what this key has signed along",
        "tmkms state import CHAIN FILE",
        Walk("a_device_without_a_number_gets_the_key"),
    ),
    row(
        "src/cli/yubihsm/keys/import.rs",
        "keys_list()",
        "is on the device already",
        "tmkms yubihsm keys list",
        Walk("a_device_without_a_number_gets_the_key"),
    ),
    row(
        "src/cli/yubihsm/keys/import.rs",
        "line([\"keys\",\"delete\",\"--mnemonic\",&id.to_string()])",
        "remove it",
        "tmkms yubihsm keys delete --mnemonic 1",
        Walk("a_key_that_is_not_the_expected_one"),
    ),
    row(
        "src/cli/yubihsm/keys/verify.rs",
        "line([\"setup\",\"--restore\"])",
        "set it up from the same mnemonic first",
        "tmkms yubihsm setup --restore",
        Walk("a_device_for_a_key_was_not_set_up"),
    ),
    // Ledgers. Some of these commands stand in messages of `src/backends/ledger/error.rs`.
    row(
        "src/backends/ledger/config.rs",
        "command(\"pubkey\")",
        "prints the line to write here",
        "tmkms ledger pubkey",
        Walk("a_public_key_that_is_none"),
    ),
    row(
        "src/backends/ledger/find.rs",
        "command(\"list\")",
        "",
        "tmkms ledger list",
        Test("tests/it/ledger.rs", "which_of_several"),
    ),
    row(
        "src/backends/ledger/key.rs",
        "line([\"ledger\",\"status\"])",
        "shows what fits",
        "tmkms ledger status",
        Walk("a_proposal_that_does_not_fit"),
    ),
    row(
        "src/backends/ledger/device.rs",
        "command(\"pubkey\")",
        "",
        "tmkms ledger pubkey",
        Walk("a_ledger_that_signs_wrongly"),
    ),
    row(
        "src/cli/ledger/init.rs",
        "command(\"pubkey\")",
        "",
        "tmkms ledger pubkey",
        Walk("a_ledger_that_signs_a_height_wrongly"),
    ),
    row(
        "src/cli/ledger/init.rs",
        "raise(&chain.id,self.height)",
        "raise the state first with",
        "tmkms state raise ledger-test-1 --height 50000",
        Walk("a_first_height_that_is_far_ahead"),
    ),
    row(
        "src/cli/ledger/mod.rs",
        "line([\"status\"])",
        "says how the Ledger is",
        "tmkms status",
        Walk("a_ledger_that_the_service_has"),
    ),
    row(
        "src/cli/ledger/mod.rs",
        "without_config([\"ledger\",\"pubkey\"])",
        "add one with",
        "tmkms ledger pubkey",
        Walk("a_configuration_without_a_ledger"),
    ),
    // State files.
    row(
        "src/gate/store/file/error.rs",
        "make_private(path)",
        "others may write to the state file",
        "chmod 600",
        Walk("a_state_that_others_may_write_to"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "give_to(*me,path)",
        "who may change it at will",
        "chown",
        Walk("a_state_of_another_user"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "init_never_signed(chain)",
        "there is no state file",
        "tmkms state init test-1 --never-signed",
        Walk("a_missing_state_of_a_new_validator"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "import(chain,\"FILE\".as_ref())",
        "there is no state file",
        "tmkms state import test-1 FILE",
        Walk("a_missing_state_that_lies_elsewhere"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "init_height(chain)",
        "there is no state file",
        "tmkms state init test-1 --height H",
        Walk("a_missing_state_and_a_height"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "init_height(chain)",
        "is empty",
        "tmkms state init test-1 --height H",
        Walk("an_empty_state"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "line([\"adopt\"])",
        "is not in this program's format",
        "tmkms adopt",
        Walk("a_state_of_another_program"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "import(chain,path)",
        "is not in this program's format",
        "tmkms state import test-1",
        Walk("a_state_of_another_program_for_one_chain"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "init_height(chain)",
        "is not in this program's format",
        "tmkms state init test-1 --height H",
        Walk("a_state_that_is_rubbish"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "init_height(chain)",
        "cannot be read (first half",
        "tmkms state init test-1 --height H",
        Walk("a_state_of_which_no_half_can_be_read"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "init_height(chain)",
        "do not follow each other",
        "tmkms state init test-1 --height H",
        Walk("a_state_of_which_a_half_was_restored"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "line([\"adopt\"])",
        "is not as this program left it",
        "tmkms adopt",
        Walk("a_state_that_was_restored"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "import(chain,path)",
        "is not as this program left it",
        "tmkms state import test-1",
        Walk("a_state_that_was_restored_for_one_chain"),
    ),
    // Homes, and keys that come from elsewhere.
    row(
        "src/cli/init.rs",
        "without_config([\"networks\"])",
        "lists all; any other chain",
        "tmkms networks",
        Walk("a_network_that_nobody_knows"),
    ),
    row(
        "src/cli/init.rs",
        "on_file(\"tmkms\",&[\"init\",\"-n\",\"NAME\"],home)",
        "or move it away and use",
        "tmkms init -n NAME",
        Walk("a_home_without_a_network"),
    ),
    row(
        "src/cli/init.rs",
        "keygen(&key)",
        "bring the validator's key to",
        "tmkms softsign keygen",
        Walk("a_new_home_for_a_new_validator"),
    ),
    row(
        "src/cli/init.rs",
        "import(id,Path::new(\"FILE\"))",
        "with the old signer's state",
        "tmkms state import cosmoshub-4 FILE",
        Walk("a_new_home_for_an_old_validator"),
    ),
    row(
        "src/cli/init.rs",
        "init_never_signed(id)",
        "for a key that never signed",
        "tmkms state init cosmoshub-4 --never-signed",
        Walk("a_new_home_for_a_new_validator"),
    ),
    row(
        "src/cli/init.rs",
        "line([\"start\"])",
        "priv_validator_laddr, then",
        "tmkms start",
        Walk("a_new_home_for_a_new_validator"),
    ),
    row(
        "src/cli/softsign/import.rs",
        "line(words)",
        "bring its state along with",
        "tmkms softsign import --state",
        Walk("a_key_without_its_state"),
    ),
    row(
        "src/cli/softsign/import.rs",
        "import(\"CHAIN\",Path::new(\"FILE\"))",
        "import the others' with",
        "tmkms state import CHAIN FILE",
        Walk("a_key_of_two_chains"),
    ),
    row(
        "src/cli/softsign/import.rs",
        "import(\"CHAIN\",Path::new(\"FILE\"))",
        "or copy the file yourself",
        "tmkms state import",
        Nobody("a chain without a configuration does not come so far"),
    ),
    row(
        "src/cli/softsign/import.rs",
        "import(&chain.id,Path::new(\"FILE\"))",
        "or copy the file yourself",
        "tmkms state import test-1 FILE",
        Walk("a_key_that_stays_in_json"),
    ),
    row(
        "src/cli/harness/bench.rs",
        "without_config(run)",
        "tells more",
        "tmkms harness run --listen --chain-id",
        Walk("a_bench_of_a_signer_that_refuses"),
    ),
    row(
        "src/cli/softsign/import.rs",
        "line(words.into_iter().chain(how).chain(files))",
        "",
        "tmkms softsign import --state",
        Walk("a_key_that_is_said_to_be_new_and_is_not"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "init_height(chain)",
        "If it may be from a backup",
        "tmkms state init test-1 --height H",
        Walk("a_state_file_from_a_backup"),
    ),
    row(
        "src/cli/state/init.rs",
        "line([\"state\",\"show\",id])",
        "look at it with",
        "tmkms state show test-1",
        Walk("a_state_that_exists"),
    ),
    row(
        "src/cli/state/init.rs",
        "line([\"state\",\"raise\",id,\"--height\",\"H\"])",
        "use up more with",
        "tmkms state raise test-1 --height H",
        Walk("a_state_that_exists"),
    ),
    row(
        "src/cli/state/init.rs",
        "import(&chain.id,&found.path)",
        "",
        "tmkms state import",
        Test("tests/it/evidence.rs", "a_good_state_under_another_name"),
    ),
    row(
        "src/cli/state/init.rs",
        "line(words)",
        "",
        "tmkms state init",
        Test(
            "tests/it/evidence.rs",
            "a_key_file_that_says_its_last_height",
        ),
    ),
    row(
        "src/cli/state/import.rs",
        "import(&place.chain_id,&found.path)",
        "",
        "tmkms state import",
        Test(
            "tests/it/evidence.rs",
            "a_lower_state_is_not_imported_beside_any_of_it",
        ),
    ),
    row(
        "src/cli/adopt/mod.rs",
        "import(&place.chain_id,&found.path)",
        "",
        "tmkms state import",
        Test(
            "tests/it/evidence.rs",
            "a_lower_state_is_not_adopted_beside_any_of_it",
        ),
    ),
    // Locks.
    row(
        "src/os/pair_lock/folder.rs",
        "on_file(\"install\",&[\"-d\",\"-m\",\"700\",\"-o\",&user.to_string()],path)",
        "make it on the host with",
        "install -d -m 700 -o",
        Walk("a_lock_dir_that_is_not_there"),
    ),
    row(
        "src/os/pair_lock/folder.rs",
        "give_to(*me,path)",
        "who could take the locks away",
        "chown",
        Walk("a_lock_dir_of_another_user"),
    ),
    row(
        "src/os/pair_lock/folder.rs",
        "on_file(\"chmod\",&[\"700\"],path)",
        "others may write to lock_dir",
        "chmod 700",
        Walk("a_lock_dir_that_others_may_write_to"),
    ),
    row(
        "src/os/pair_lock/mod.rs",
        "of_system(\"kill\",[pid.to_string()])",
        "looks like an attack",
        "kill",
        Walk("somebody_who_sits_on_the_name_of_the_lock"),
    ),
    row(
        "src/cli/container.rs",
        "on_file(\"install\",&[\"-d\",\"-m\",\"700\",\"-o\",&me],Path::new(LOCK_DIR))",
        "Make a folder on the host with",
        "install -d -m 700 -o",
        Nobody("is typed on the host, not in the container that prints it"),
    ),
    // Take-overs.
    row(
        "src/cli/state/takeover/bury.rs",
        "line([\"state\",\"export\",place.chain_id.as_str(),\"--format\",format,\"--retire\"])",
        "",
        "tmkms state export test-1",
        Walk("a_state_that_was_taken_over_before"),
    ),
    row(
        "src/cli/state/export.rs",
        "line(words)",
        "before the other signer starts run",
        "tmkms state export test-1 --format cometbft --retire",
        Walk("a_chain_that_was_handed_over"),
    ),
    row(
        "src/gate/store/file/error.rs",
        "import(chain,Path::new(\"FILE\"))",
        "was handed over to another signer",
        "tmkms state import test-1 FILE",
        Walk("a_chain_that_was_handed_over"),
    ),
    row(
        "src/cli/state/takeover/old.rs",
        "import(&place.chain_id,&kept)",
        "already; what lay there is",
        "tmkms state import",
        Walk("a_state_that_was_taken_over_before"),
    ),
    row(
        "src/cli/state/takeover/old.rs",
        "init_height(chain)",
        "look up the last height this key signed",
        "tmkms state init test-1 --height H",
        Walk("an_old_state_that_is_empty"),
    ),
    row(
        "src/cli/state/takeover/old.rs",
        "of_system(\"mv\",[path.into_os_string(),away])",
        "move it away with",
        "mv",
        Walk("an_old_state_that_is_empty"),
    ),
    row(
        "src/cli/state/takeover/old.rs",
        "init_never_signed(chain)",
        "if that is so",
        "tmkms state init test-1 --never-signed",
        Walk("an_old_state_that_never_signed"),
    ),
    row(
        "src/cli/state/takeover/plan.rs",
        "import(chain,kept)",
        "did not come to its end",
        "tmkms state import test-1",
        Walk("a_take_over_that_broke_off"),
    ),
    row(
        "src/cli/state/takeover/plan.rs",
        "init_never_signed(chain)",
        "no state was found",
        "tmkms state init test-1 --never-signed",
        Walk("no_old_state_at_all"),
    ),
    row(
        "src/cli/state/takeover/plan.rs",
        "init_height(chain)",
        "no state was found",
        "tmkms state init test-1 --height H",
        Walk("no_old_state_at_all"),
    ),
    row(
        "src/cli/state/takeover/node_key.rs",
        "of_system(\"mv\",[absolute(path),absolute(&aside(path,0))])",
        "so that the node can never sign with it",
        "mv",
        Walk("a_node_that_still_has_its_key"),
    ),
    row(
        "src/cli/adopt/source.rs",
        "init_height(&id)",
        "say the last height this key signed",
        "tmkms state init test-1 --height H",
        Walk("a_node_home_without_state"),
    ),
    row(
        "src/cli/adopt/horcrux.rs",
        "import(chain,Path::new(\"FILE\"))",
        "may be behind the others'",
        "tmkms state import test-1 FILE",
        Walk("one_of_several_cosigners"),
    ),
    row(
        "src/cli/adopt/horcrux.rs",
        "line([\"state\",\"raise\",chain,\"--height\",\"H\"])",
        "may be behind the others'",
        "tmkms state raise test-1 --height H",
        Walk("one_of_several_cosigners"),
    ),
    row(
        "src/gate/foreign/fence.rs",
        "import(&place.chain_id,&fence.path)",
        "take its state over again with",
        "tmkms state import",
        Test(
            "tests/it/takeover.rs",
            "a_state_that_grew_after_the_take_over_is_not_signed_beside",
        ),
    ),
    // The service.
    row(
        "src/cli/status.rs",
        "line([\"start\"])",
        "start it with",
        "tmkms start",
        Walk("a_service_that_does_not_run"),
    ),
    row(
        "src/cli/status.rs",
        "line([\"state\",\"show\",&chain.id])",
        "reads the state file",
        "tmkms state show test-1",
        Walk("a_chain_that_is_not_armed"),
    ),
    row(
        "src/service/arm.rs",
        "line([\"adopt\"])",
        "where an older tmkms may have kept it",
        "tmkms adopt",
        Walk("an_older_state_file_beside"),
    ),
    row(
        "src/service/known.rs",
        "line([\"yubihsm\",\"keys\",\"verify-backup\",\"FILE\"])",
        "never proven",
        "tmkms yubihsm keys verify-backup FILE",
        Walk("a_backup_that_status_misses"),
    ),
];

/// Texts of what runs on that tell to change a setting and nothing of a restart, with the reason.
pub const SETTINGS: &[(&str, &str, &str)] = &[];

/// What is tried again by itself, and the test that shows it.
pub const BY_ITSELF: &[(&str, &str, &str, &str)] = &[(
    "src/gate/store/file/folder.rs",
    "the service tries again by itself",
    "tests/state_files/gate_crash.rs",
    "a_full_disk_and_a_read_only_one_are_mended_by_a_new_file_without_a_restart",
)];
