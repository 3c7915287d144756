//! Wrapped objects and data: a 13-byte nonce, then AES-CCM with a 16-byte tag.
//!
//! A wrapped object is the wrap key's algorithm, the object's header, for authentication and wrap keys the delegated
//! capabilities, and the body; the form that Yubico's yubihsm-wrap writes.

use aes::{Aes128, Aes192, Aes256};
use ccm::Ccm;
use ccm::aead::generic_array::GenericArray;
use ccm::aead::{Aead, KeyInit};
use ccm::consts::{U13, U16};
use tmkms::backends::yubihsm::protocol::codes::{ErrorCode, capability, object};

use super::commands::Fields;
use super::device::{Device, Rights};
use super::object::{Body, IMPORTED_WRAPPED, Object};

const NONCE: usize = 13;

pub fn seal(key: &[u8], nonce: &[u8; NONCE], data: &[u8]) -> Option<Vec<u8>> {
    let n = GenericArray::from_slice(nonce);
    let sealed = match key.len() {
        16 => Ccm::<Aes128, U16, U13>::new_from_slice(key)
            .ok()?
            .encrypt(n, data),
        24 => Ccm::<Aes192, U16, U13>::new_from_slice(key)
            .ok()?
            .encrypt(n, data),
        _ => Ccm::<Aes256, U16, U13>::new_from_slice(key)
            .ok()?
            .encrypt(n, data),
    };
    Some([&nonce[..], &sealed.ok()?].concat())
}

pub fn open(key: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let (nonce, data) = bytes.split_at_checked(NONCE)?;
    let n = GenericArray::from_slice(nonce);
    match key.len() {
        16 => Ccm::<Aes128, U16, U13>::new_from_slice(key)
            .ok()?
            .decrypt(n, data),
        24 => Ccm::<Aes192, U16, U13>::new_from_slice(key)
            .ok()?
            .decrypt(n, data),
        _ => Ccm::<Aes256, U16, U13>::new_from_slice(key)
            .ok()?
            .decrypt(n, data),
    }
    .ok()
}

impl Device {
    fn wrap_key(
        &self,
        rights: &Rights,
        id: u16,
        wanted: u64,
    ) -> Result<(&Object, &[u8]), ErrorCode> {
        rights.need(wanted)?;
        let object = self.find_for(rights, object::WRAP_KEY, id, wanted)?;
        match &object.body {
            Body::Wrap(key) => Ok((object, key)),
            _ => Err(ErrorCode::INVALID_DATA),
        }
    }

    pub(super) fn export_wrapped(
        &self,
        rights: &Rights,
        fields: &mut Fields<'_>,
    ) -> Result<Vec<u8>, ErrorCode> {
        let (wrap_id, kind, id) = (fields.u16()?, fields.u8()?, fields.u16()?);
        fields.end()?;
        let (wrap, key) = self.wrap_key(rights, wrap_id, capability::EXPORT_WRAPPED)?;
        let found = self.find_for(rights, kind, id, capability::EXPORTABLE_UNDER_WRAP)?;
        if found.capabilities & !wrap.delegated != 0 {
            return Err(ErrorCode::INSUFFICIENT_PERMISSIONS);
        }
        let mut plain = vec![wrap.algorithm];
        plain.extend(found.header());
        if matches!(kind, object::AUTHENTICATION_KEY | object::WRAP_KEY) {
            plain.extend(found.delegated.to_be_bytes());
        }
        plain.extend(found.body.to_wrapped());
        self.sealed(key, &plain)
    }

    pub(super) fn import_wrapped(
        &mut self,
        rights: &Rights,
        fields: &mut Fields<'_>,
    ) -> Result<Vec<u8>, ErrorCode> {
        let wrap_id = fields.u16()?;
        let (wrap, key) = self.wrap_key(rights, wrap_id, capability::IMPORT_WRAPPED)?;
        let plain = open(key, fields.rest()).ok_or(ErrorCode::INVALID_DATA)?;
        let mut inner = Fields(&plain);
        if inner.u8()? != wrap.algorithm {
            return Err(ErrorCode::INVALID_DATA);
        }
        let capabilities = inner.u64()?;
        let (id, size, domains) = (inner.u16()?, inner.u16()?, inner.u16()?);
        let (kind, algorithm, sequence, origin) =
            (inner.u8()?, inner.u8()?, inner.u8()?, inner.u8()?);
        let label = inner.take(40)?.try_into().unwrap();
        let delegated = match kind {
            object::AUTHENTICATION_KEY | object::WRAP_KEY => inner.u64()?,
            _ => 0,
        };
        let body =
            Body::from_wrapped(kind, algorithm, inner.rest()).ok_or(ErrorCode::INVALID_DATA)?;
        if (capabilities | delegated) & !wrap.delegated != 0 || domains & rights.domains == 0 {
            return Err(ErrorCode::INSUFFICIENT_PERMISSIONS);
        }
        self.options.is_enabled(algorithm)?;
        let object = Object {
            id,
            kind,
            algorithm,
            label,
            domains,
            capabilities,
            delegated,
            sequence,
            origin: origin | IMPORTED_WRAPPED,
            body,
        };
        if object.size() != size {
            return Err(ErrorCode::INVALID_DATA);
        }
        let id = self.store(object)?;
        Ok([&[kind][..], &id.to_be_bytes()].concat())
    }

    pub(super) fn wrap_data(
        &self,
        rights: &Rights,
        fields: &mut Fields<'_>,
    ) -> Result<Vec<u8>, ErrorCode> {
        let (_, key) = self.wrap_key(rights, fields.u16()?, capability::WRAP_DATA)?;
        self.sealed(key, fields.rest())
    }

    pub(super) fn unwrap_data(
        &self,
        rights: &Rights,
        fields: &mut Fields<'_>,
    ) -> Result<Vec<u8>, ErrorCode> {
        let (_, key) = self.wrap_key(rights, fields.u16()?, capability::UNWRAP_DATA)?;
        open(key, fields.rest()).ok_or(ErrorCode::INVALID_DATA)
    }

    fn sealed(&self, key: &[u8], plain: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        let mut nonce = [0; NONCE];
        getrandom::getrandom(&mut nonce).unwrap();
        seal(key, &nonce, plain).ok_or(ErrorCode::INVALID_DATA)
    }
}
