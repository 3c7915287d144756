//! `tmkms yubihsm setup`.

use std::path::PathBuf;

use clap::Args;

use crate::backends::yubihsm::ceremony::error::CeremonyError;
use crate::backends::yubihsm::ceremony::error::SetupError;
use crate::backends::yubihsm::ceremony::paper::printout::Printout;
use crate::backends::yubihsm::ceremony::paper::sheets;
use crate::backends::yubihsm::ceremony::setup::{SetupOptions, SetupOutcome, run};
use crate::backends::yubihsm::ceremony::target::SetupTarget;
use crate::backends::yubihsm::protocol::commands::DeviceCommands;
use crate::backends::yubihsm::protocol::error::ErrorKind;
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::cli::report::{Failure, output, status};
use crate::os::clock::{Clock, SystemClock};
use crate::os::host_checks::Surroundings;
use crate::remedy::CommandLine;
use crate::secret_file::NewFile;
use crate::terminal::Console;

use super::careful::careful;
use super::which::Which;

/// Set a device up from a mnemonic.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms yubihsm setup --print-only           what would happen, and nothing more\n  \
                  tmkms yubihsm setup -w report.json         a new mnemonic; the device is ERASED\n  \
                  tmkms yubihsm setup --restore              the second device, or one that lost its power meanwhile\n  \
                  tmkms yubihsm setup --verify               compare a device with its mnemonic and the plan\n  \
                  tmkms yubihsm setup --sheets 3             three empty sheets, to write the words on by hand\n  \
                  tmkms yubihsm setup --sheets 3 --sheets-to /dev/usb/lp0\n\n\
                  docs/backends/yubihsm.md has the whole ceremony as a page to print."
)]
pub(in crate::cli) struct Setup {
    #[command(flatten)]
    which: Which,
    /// Dry run: say what would happen and change nothing
    #[arg(short, long)]
    print_only: bool,
    /// From a mnemonic that exists; goes on where an earlier setup stopped, and erases nothing that came from it
    #[arg(short, long)]
    restore: bool,
    /// Erase a device that was set up from this very mnemonic, too
    #[arg(long, requires = "restore")]
    anew: bool,
    /// Compare a device with its mnemonic and the plan; changes nothing
    #[arg(long, conflicts_with_all = ["print_only", "restore", "write_report", "destroy_keys"])]
    verify: bool,
    /// Write a report of what was done and proven into this new file (mode 0600, no secrets)
    #[arg(short, long, value_name = "FILE")]
    write_report: Option<PathBuf>,
    /// The serial number of a device whose signing keys may be lost
    #[arg(long, value_name = "SERIAL")]
    destroy_keys: Option<u32>,
    /// Write so many empty sheets to print, for the holders to write the mnemonic on by hand; touches no device
    #[arg(long, value_name = "HOLDERS", conflicts_with_all = ["print_only", "verify"], value_parser = clap::value_parser!(u8).range(1..=20))]
    sheets: Option<u8>,
    /// Set the device up, and print the sheets WITH THE WORDS on the way: a printer's device, or a new file in memory
    #[arg(long, value_name = "PRINTER", requires = "sheets")]
    sheets_to: Option<PathBuf>,
    /// Accepted for scripts of the older program
    #[arg(short, long)]
    verbose: bool,
}

impl Setup {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let (Some(holders), None) = (self.sheets, &self.sheets_to) {
            if self.restore || self.write_report.is_some() || self.destroy_keys.is_some() {
                return Err(Failure::usage(
                    "`--sheets` without `--sheets-to` prints empty sheets and sets up no device",
                )
                .hint("with `--sheets-to PRINTER` the sheets are printed with the words, in the setup"));
            }
            return output(&sheets::empty(holders));
        }
        let provider = self.which.provider()?;
        // Opened before anything happens: a path that cannot be written must not cost the report.
        let report = match &self.write_report {
            Some(path) if !self.print_only => Some(NewFile::open(path).map_err(Failure::new)?),
            _ => None,
        };
        let guard = careful()?;
        // A dry run without words shows and asks for nothing.
        if !self.print_only || self.restore {
            let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
            let here = Surroundings::look(SystemClock.now().wall, variable);
            for warning in here.warnings() {
                status("Warning", warning);
            }
        }
        let printout = self.sheets_to.as_ref().zip(self.sheets);
        let mut printout = printout
            .map(|(path, holders)| Printout::open(path, holders, guard.waste.clone()))
            .transpose()
            .map_err(Failure::new)?;
        // A password that is not there yet is none; the factory's is tried in any case.
        let configured = match provider.credentials() {
            Ok((credentials, warning)) => {
                if let Some(warning) = warning {
                    status("Warning", warning);
                }
                Some(credentials)
            }
            Err(why @ ErrorKind::Password(_)) => {
                status(
                    "Note",
                    format!(
                        "`auth` of the configuration is not used, which a new device does not need: {why}"
                    ),
                );
                None
            }
            Err(other) => return Err(Failure::new(other)),
        };
        let connect = || provider.place.transport();
        let site = SetupTarget {
            name: provider.place.to_string(),
            serial: provider.serial,
            connect: &connect,
            timeout: provider.timeout,
            commands: provider.commands.clone(),
        };
        let wishes = SetupOptions {
            dry_run: self.print_only,
            restore: self.restore,
            anew: self.anew,
            destroy_keys: self.destroy_keys.map(Serial),
            verify: self.verify,
        };
        let (auth, terminal) = (configured.as_ref(), &mut Console);
        let outcome = run(&site, &wishes, auth, printout.as_mut(), terminal).map_err(failed);
        let told = outcome.and_then(|outcome| self.tell(&outcome, &provider.commands, report));
        if let Some(left) = printout.as_ref().and_then(Printout::left_to_do) {
            status("Remember", left);
        }
        told
    }

    /// Writes the report, and says what was done and what comes next.
    fn tell(
        &self,
        outcome: &SetupOutcome,
        commands: &DeviceCommands,
        report: Option<NewFile>,
    ) -> Result<(), Failure> {
        let serial = outcome.info.serial;
        if let Some(report) = report {
            let path = report.path().display().to_string();
            report
                .finish(outcome.report.as_bytes())
                .map_err(Failure::new)?;
            status("Wrote", format!("the report to {path}"));
        }
        match (self.print_only, outcome.changed) {
            (true, _) => {}
            (_, true) => {
                status(
                    "Success",
                    format!("set up YubiHSM (serial: {serial}), and proved it"),
                );
                let proof = outcome.proof.as_ref();
                let next = match self.restore {
                    _ if proof.is_some_and(|proof| !proof.keys.is_empty()) => {
                        "see that the keys above are those that belong here".to_owned()
                    }
                    false => {
                        let generate = ["keys", "generate", "--mnemonic", "-b", "BACKUP", "1"];
                        format!("make the key: `{}`", commands.line(generate))
                    }
                    true => format!("bring its key in: `{}`", commands.bring("BACKUP")),
                };
                status("Next", next);
                let derive = ["yubihsm", "derive", "--role", "validator", "-o", "FILE"];
                let derive = CommandLine::without_config(derive);
                status("", format!("write the validator's password: `{derive}`"));
            }
            _ => status("Success", format!("YubiHSM {serial} is what was planned")),
        }
        Ok(())
    }
}

fn failed(error: SetupError) -> Failure {
    let failure = Failure::new(&error);
    match &error {
        SetupError::Step(CeremonyError::Locked { .. } | CeremonyError::MayNotErase { .. }) => failure,
        SetupError::Step(_) => failure.hint(
            "if the device was erased already, repeat this with `--restore` and the mnemonic: it goes on where it stopped",
        ),
        _ => failure,
    }
}
