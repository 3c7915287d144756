//! Keys on a device and their backups: made, written, read back and opened before anybody relies on them.
//!
//! A backup is what the device exports under a wrap key, as one line of base64 in a private file that is never
//! overwritten. Opened with the mnemonic's wrap key it shows the public key of the secret that is really in it. The form
//! is the older program's; what is in it is `wrap`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use subtle_encoding::base64;

use crate::backends::yubihsm::protocol::codes::{capability, object};
use crate::backends::yubihsm::protocol::error::Error;
use crate::backends::yubihsm::protocol::info::ObjectInfo;
use crate::backends::yubihsm::protocol::key_type::DeviceKeyType;
use crate::backends::yubihsm::session::objects::Objects;
use crate::backends::yubihsm::session::objects::Planned;
use crate::consensus::{PublicKey, key_text};
use crate::remedy::CommandLine;
use crate::secret_file::{NewFile, SecretFileError};

use super::wrap::{self, WrapError, Wrapped};

/// `get object info`'s origin of a key that was generated in the device and never left it.
const GENERATED: u8 = 1;
/// The longest backup that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Why a key or its backup is not as wanted.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The device.
    #[error("{0}")]
    Device(Error),
    /// The id is taken.
    #[error(
        "nothing was changed: there is a key 0x{id:04x} already ({label:?}); choose another id. If an earlier `generate` \
         of it was interrupted, `--resume` goes on with its backup"
    )]
    Taken {
        /// The id.
        id: u16,
        /// The key's label.
        label: String,
    },
    /// The key under this id is not one that an interrupted run left.
    #[error(
        "nothing was changed: key 0x{id:04x} ({label:?}) is not what this command makes: {why}"
    )]
    NotResumable {
        /// The id.
        id: u16,
        /// The key's label.
        label: String,
        /// What differs.
        why: &'static str,
    },
    /// The device made something else.
    #[error("key 0x{id:04x} is not what was asked for: {why}; do not use it")]
    Differs {
        /// The id.
        id: u16,
        /// What differs.
        why: &'static str,
    },
    /// There is no such key.
    #[error("this login sees no key 0x{id:04x}; `{list}` shows the others")]
    NoKey {
        /// The id.
        id: u16,
        /// The command that lists them.
        list: CommandLine,
    },
    /// The key never leaves its device.
    #[error(
        "nothing was changed: key 0x{id:04x} ({label:?}) never leaves this device: it was made without \
         `exportable-under-wrap`, which nobody can give it afterwards. There is no backup of it and there can be none: when \
         this device is lost, the key is. A validator that must survive that needs a new key, made with `-b FILE`"
    )]
    NotExportable {
        /// The id.
        id: u16,
        /// The key's label.
        label: String,
    },
    /// There is nothing to wrap with.
    #[error(
        "nothing was changed: this login sees no wrap key 0x{wrap:04x}, which encrypts and opens backups: the device was not \
         set up, or not completely. `{setup}` adds what is missing to a device of the same mnemonic, and ERASES any other; \
         `--wrap ID` names another wrap key"
    )]
    NoWrapKey {
        /// The id.
        wrap: u16,
        /// The command that sets the device up.
        setup: CommandLine,
    },
    /// The wrap key is for other things.
    #[error(
        "nothing was changed: wrap key 0x{wrap:04x} ({label:?}) may not {needs}; `--wrap ID` names another wrap key"
    )]
    WrapKeyForbids {
        /// The id.
        wrap: u16,
        /// Its label.
        label: String,
        /// What for, as Yubico names it.
        needs: &'static str,
    },
    /// The file.
    #[error("{0}")]
    File(SecretFileError),
    /// The backup cannot be read.
    #[error("the backup {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The backup cannot be opened.
    #[error("the backup {} is of no use: {why}", path.display())]
    Wrapped {
        /// The file.
        path: PathBuf,
        /// Why.
        why: WrapError,
    },
    /// It is the backup of something else.
    #[error("the backup {} holds {found}, and {wanted} was expected", path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What it should hold.
        wanted: String,
    },
}

/// A key to be made.
pub struct NewKey {
    /// The id, not 0.
    pub id: u16,
    /// The label, 40 bytes at most.
    pub label: String,
    /// Which kind.
    pub key_type: DeviceKeyType,
    /// Whether it may leave under a wrap key.
    pub exportable: bool,
}

impl NewKey {
    /// As the device takes it: in domain 1, with nothing but the right to sign.
    pub fn planned(&self) -> Planned {
        let export = match self.exportable {
            true => capability::EXPORTABLE_UNDER_WRAP,
            false => 0,
        };
        Planned {
            kind: object::ASYMMETRIC_KEY,
            id: self.id,
            name: "key",
            domains: 1,
            capabilities: self.key_type.sign() | export,
            delegated: 0,
            algorithm: self.key_type.algorithm(),
        }
    }

    fn differs(&self, info: &ObjectInfo) -> Option<&'static str> {
        let planned = self.planned();
        if info.algorithm != planned.algorithm {
            Some("it is of another type")
        } else if info.capabilities != planned.capabilities {
            Some("it may do other things")
        } else if info.domains != planned.domains {
            Some("it is in other domains")
        } else {
            None
        }
    }

    /// Makes it in the device. With `resume` one that an interrupted run made is as good. The second value says whether
    /// it was made now.
    pub fn generate(
        &self,
        login: &mut Objects,
        resume: bool,
    ) -> Result<(PublicKey, bool), BackupError> {
        let device = BackupError::Device;
        let id = self.id;
        let found = login.info(object::ASYMMETRIC_KEY, id).map_err(device)?;
        let made = match found {
            None => {
                login
                    .generate(&self.planned(), &self.label)
                    .map_err(device)?;
                true
            }
            Some(info) if !resume => {
                let label = info.label;
                return Err(BackupError::Taken { id, label });
            }
            Some(info) => {
                let imported = (info.origin != GENERATED).then_some("it was not generated there");
                if let Some(why) = imported.or_else(|| self.differs(&info)) {
                    let label = info.label;
                    return Err(BackupError::NotResumable { id, label, why });
                }
                false
            }
        };
        self.check(login)?;
        let public = login.public_key(id).map_err(device)?;
        Ok((public, made))
    }

    /// Puts a secret from elsewhere into the device: 32 bytes with this public key. `false`: it was there already.
    pub fn put(
        &self,
        login: &mut Objects,
        secret: &[u8],
        wanted: &PublicKey,
    ) -> Result<(PublicKey, bool), BackupError> {
        let (device, id) = (BackupError::Device, self.id);
        let found = login.info(object::ASYMMETRIC_KEY, id).map_err(device)?;
        let is_new = found.is_none();
        if let Some(ObjectInfo { label, .. }) = found
            && login.public_key(id).ok() != Some(wanted.clone())
        {
            return Err(BackupError::Taken { id, label });
        }
        if is_new {
            (login.put(&self.planned(), &self.label, secret)).map_err(device)?;
        }
        self.check(login)?;
        Ok((login.public_key(id).map_err(device)?, is_new))
    }

    fn check(&self, login: &mut Objects) -> Result<(), BackupError> {
        let id = self.id;
        let info = login.info(object::ASYMMETRIC_KEY, id);
        let info = info.map_err(BackupError::Device)?;
        let info = info.ok_or_else(|| BackupError::NoKey {
            id,
            list: login.commands().keys_list(),
        })?;
        match self.differs(&info) {
            None => Ok(()),
            Some(why) => Err(BackupError::Differs { id, why }),
        }
    }
}

/// Which way a key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Out of the device.
    Export,
    /// Into it.
    Import,
}

/// Whether there is a wrap key that lets keys go this way.
pub fn has_wrap_key(login: &mut Objects, wrap: u16, way: Way) -> Result<(), BackupError> {
    let found = login.info(object::WRAP_KEY, wrap);
    let found = found.map_err(BackupError::Device)?;
    let found = found.ok_or_else(|| BackupError::NoWrapKey {
        wrap,
        setup: login.commands().line(["setup", "--restore"]),
    })?;
    let (needed, needs) = match way {
        Way::Export => (capability::EXPORT_WRAPPED, "export-wrapped"),
        Way::Import => (capability::IMPORT_WRAPPED, "import-wrapped"),
    };
    match found.capabilities & needed {
        0 => Err(BackupError::WrapKeyForbids {
            wrap,
            label: found.label,
            needs,
        }),
        _ => Ok(()),
    }
}

/// Whether a key may leave the device, and under this wrap key.
pub fn may_leave(login: &mut Objects, wrap: u16, id: u16) -> Result<(), BackupError> {
    let found = login.info(object::ASYMMETRIC_KEY, id);
    let found = found.map_err(BackupError::Device)?;
    let found = found.ok_or_else(|| BackupError::NoKey {
        id,
        list: login.commands().keys_list(),
    })?;
    if found.capabilities & capability::EXPORTABLE_UNDER_WRAP == 0 {
        let label = found.label;
        return Err(BackupError::NotExportable { id, label });
    }
    has_wrap_key(login, wrap, Way::Export)
}

/// Exports a key into a file, reads the file back, and opens it where the wrap key is known.
pub fn write(
    login: &mut Objects,
    wrap_id: u16,
    id: u16,
    public: &PublicKey,
    file: NewFile,
    key: Option<&[u8; 32]>,
) -> Result<(), BackupError> {
    let bytes = login.export(wrap_id, id).map_err(BackupError::Device)?;
    let path = file.path().to_owned();
    // Before the file is written: what cannot be opened is not a backup and leaves no file.
    if let Some(key) = key {
        check(&path, &bytes, key, id, public)?;
    }
    file.finish(&base64::encode(bytes.as_slice()))
        .map_err(BackupError::File)?;
    let back = read(&path)?;
    match back == *bytes {
        true => Ok(()),
        false => Err(BackupError::OtherKey {
            path,
            found: "other bytes".to_owned(),
            wanted: "what was written a moment ago".to_owned(),
        }),
    }
}

/// The bytes of a backup's file. It is encrypted, so its permissions do not matter: a stick may have none.
pub fn read(path: &Path) -> Result<Vec<u8>, BackupError> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut text))
        .map_err(|source| BackupError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
    wrap::from_text(&text).map_err(|why| BackupError::Wrapped {
        path: path.to_owned(),
        why,
    })
}

/// Opens a backup: what it holds, and the public key of the secret in it.
pub fn open(
    path: &Path,
    bytes: &[u8],
    key: &[u8; 32],
) -> Result<(Wrapped, PublicKey), BackupError> {
    let failed = |why| BackupError::Wrapped {
        path: path.to_owned(),
        why,
    };
    let wrapped = wrap::open(bytes, key).map_err(failed)?;
    let public = wrapped.public_key().map_err(failed)?;
    Ok((wrapped, public))
}

/// Opens a backup and compares it with what it should hold.
pub fn check(
    path: &Path,
    bytes: &[u8],
    key: &[u8; 32],
    id: u16,
    public: &PublicKey,
) -> Result<(), BackupError> {
    let (wrapped, found) = open(path, bytes, key)?;
    match wrapped.info.id == id && found == *public {
        true => Ok(()),
        false => Err(BackupError::OtherKey {
            path: path.to_owned(),
            found: shown(wrapped.info.id, &found),
            wanted: shown(id, public),
        }),
    }
}

/// A key in words.
pub fn shown(id: u16, public: &PublicKey) -> String {
    format!("key 0x{id:04x} {}", key_text::to_base64(public))
}

/// Whether a text names this key: in base64, hexadecimal digits, JSON or Bech32, or by its address.
pub fn is_named(public: &PublicKey, text: &str) -> bool {
    let text: String = text.split_whitespace().collect();
    let prefix = text.rsplit_once('1').map(|(prefix, _)| prefix);
    let prefix = prefix.filter(|prefix| key_text::is_prefix(prefix));
    let is = |known: String| known.eq_ignore_ascii_case(&text);
    text == key_text::to_base64(public)
        || text == key_text::to_json(public)
        || is(key_text::to_hex(public))
        || is(public.address().to_string())
        || prefix.is_some_and(|prefix| is(key_text::to_bech32(public, prefix)))
}
