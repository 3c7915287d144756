//! The commands of a session, with the rights that each needs.

use tmkms::backends::yubihsm::protocol::codes::{
    ErrorCode, algorithm, capability, command, object,
};

use super::device::{Device, OBJECTS, Rights};
use super::object::{Body, GENERATED, IMPORTED, Object};

type Answer = Result<Vec<u8>, ErrorCode>;

/// Reads the fields of a command one by one.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], ErrorCode> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(ErrorCode::WRONG_LENGTH)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn u8(&mut self) -> Result<u8, ErrorCode> {
        Ok(self.take(1)?[0])
    }

    pub fn u16(&mut self) -> Result<u16, ErrorCode> {
        Ok(u16::from_be_bytes(self.take(2)?.try_into().unwrap()))
    }

    pub fn u64(&mut self) -> Result<u64, ErrorCode> {
        Ok(u64::from_be_bytes(self.take(8)?.try_into().unwrap()))
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub fn end(&self) -> Result<(), ErrorCode> {
        match self.0 {
            [] => Ok(()),
            _ => Err(ErrorCode::WRONG_LENGTH),
        }
    }
}

impl Rights {
    pub fn need(&self, wanted: u64) -> Result<(), ErrorCode> {
        match self.capabilities & wanted == wanted {
            true => Ok(()),
            false => Err(ErrorCode::INSUFFICIENT_PERMISSIONS),
        }
    }
}

impl Device {
    pub(super) fn command(&mut self, rights: &Rights, code: u8, data: &[u8]) -> Answer {
        let mut fields = Fields(data);
        if let Some((_, wait)) = self.faults.slow_command.take_if(|(slow, _)| *slow == code) {
            std::thread::sleep(wait);
        }
        match code {
            command::ECHO => Ok(data.to_vec()),
            command::DEVICE_INFO => self.device_info(data),
            command::CLOSE_SESSION => fields.end().map(|()| Vec::new()),
            command::BLINK_DEVICE => {
                fields.u8()?;
                self.blinks += 1;
                Ok(Vec::new())
            }
            command::GET_STORAGE_INFO => {
                let free = u16::try_from(OBJECTS - self.objects.len()).unwrap();
                let words = [256, free, 1024, 4 * free, 126];
                Ok(words.iter().flat_map(|word| word.to_be_bytes()).collect())
            }
            command::GET_PSEUDO_RANDOM => {
                rights.need(capability::GET_PSEUDO_RANDOM)?;
                let length = usize::from(fields.u16()?);
                if length > self.profile.buffer() - 64 {
                    return Err(ErrorCode::INVALID_DATA);
                }
                let mut bytes = vec![0; length];
                getrandom::getrandom(&mut bytes).unwrap();
                Ok(bytes)
            }
            command::RESET_DEVICE => {
                rights.need(capability::RESET_DEVICE)?;
                if !self.faults.reset_does_nothing {
                    self.reset();
                }
                Ok(Vec::new())
            }
            command::LIST_OBJECTS => self.list(rights, &mut fields),
            command::GET_OBJECT_INFO => {
                let (id, kind) = (fields.u16()?, fields.u8()?);
                let object = self.find(rights, kind, id)?;
                let mut bytes = object.header();
                bytes.extend(object.delegated.to_be_bytes());
                Ok(bytes)
            }
            command::DELETE_OBJECT => self.delete(rights, &mut fields),
            command::PUT_OPAQUE
            | command::PUT_AUTHENTICATION_KEY
            | command::PUT_ASYMMETRIC_KEY
            | command::PUT_WRAP_KEY
            | command::GENERATE_ASYMMETRIC_KEY
            | command::GENERATE_WRAP_KEY => self.new_object(rights, code, &mut fields),
            command::GET_OPAQUE => self.get_opaque(rights, &mut fields),
            command::CHANGE_AUTHENTICATION_KEY => {
                rights.need(capability::CHANGE_AUTHENTICATION_KEY)?;
                let (id, algorithm) = (fields.u16()?, fields.u8()?);
                self.find(rights, object::AUTHENTICATION_KEY, id)?;
                let body = Body::from_put(algorithm, fields.rest())
                    .filter(|body| matches!(body, Body::Auth(_)))
                    .ok_or(ErrorCode::INVALID_DATA)?;
                if let Some(object) = self.objects.get_mut(&(object::AUTHENTICATION_KEY, id)) {
                    object.body = body;
                }
                Ok(id.to_be_bytes().to_vec())
            }
            command::GET_PUBLIC_KEY => {
                let id = fields.u16()?;
                let object = self.find(rights, object::ASYMMETRIC_KEY, id)?;
                let public = object.body.public_key().ok_or(ErrorCode::INVALID_DATA)?;
                Ok([&[object.algorithm][..], &public].concat())
            }
            command::SIGN_EDDSA => {
                rights.need(capability::SIGN_EDDSA)?;
                self.options.is_enabled(algorithm::ED25519)?;
                let id = fields.u16()?;
                let message = fields.rest();
                if message.len() > self.profile.buffer() - 29 {
                    return Err(ErrorCode::WRONG_LENGTH);
                }
                let object =
                    self.find_for(rights, object::ASYMMETRIC_KEY, id, capability::SIGN_EDDSA)?;
                let signature = object.body.sign_eddsa(message);
                self.spoil(signature.ok_or(ErrorCode::INVALID_DATA)?)
            }
            command::SIGN_ECDSA => {
                rights.need(capability::SIGN_ECDSA)?;
                self.options.is_enabled(algorithm::SECP256K1)?;
                let id = fields.u16()?;
                let digest = fields.rest();
                if digest.len() != 32 {
                    return Err(ErrorCode::INVALID_DATA);
                }
                let object =
                    self.find_for(rights, object::ASYMMETRIC_KEY, id, capability::SIGN_ECDSA)?;
                let signature = object.body.sign_ecdsa(digest);
                self.spoil(signature.ok_or(ErrorCode::INVALID_DATA)?)
            }
            command::SIGN_ATTESTATION_CERTIFICATE => self.attest(rights, &mut fields),
            command::EXPORT_WRAPPED => self.export_wrapped(rights, &mut fields),
            command::IMPORT_WRAPPED => self.import_wrapped(rights, &mut fields),
            command::WRAP_DATA => self.wrap_data(rights, &mut fields),
            command::UNWRAP_DATA => self.unwrap_data(rights, &mut fields),
            command::GET_OPTION => {
                rights.need(capability::GET_OPTION)?;
                self.options.get(fields.u8()?)
            }
            command::SET_OPTION => {
                rights.need(capability::SET_OPTION)?;
                let tag = fields.u8()?;
                let length = usize::from(fields.u16()?);
                let value = fields.take(length)?;
                let fresh = self.is_fresh();
                self.options.set(tag, value, fresh).map(|()| Vec::new())
            }
            command::GET_LOG_ENTRIES => {
                rights.need(capability::GET_LOG_ENTRIES)?;
                Ok(self.log.to_bytes())
            }
            command::SET_LOG_INDEX => {
                rights.need(capability::GET_LOG_ENTRIES)?;
                match self.log.free_up_to(fields.u16()?) {
                    true => Ok(Vec::new()),
                    false => Err(ErrorCode::INVALID_DATA),
                }
            }
            _ => Err(ErrorCode::INVALID_COMMAND),
        }
    }

    /// An object that the session may see: others do not exist for it.
    pub(super) fn find(&self, rights: &Rights, kind: u8, id: u16) -> Result<&Object, ErrorCode> {
        self.objects
            .get(&(kind, id))
            .filter(|object| object.domains & rights.domains != 0)
            .ok_or(ErrorCode::OBJECT_NOT_FOUND)
    }

    /// An object that may be used so, too.
    pub(super) fn find_for(
        &self,
        rights: &Rights,
        kind: u8,
        id: u16,
        wanted: u64,
    ) -> Result<&Object, ErrorCode> {
        let object = self.find(rights, kind, id)?;
        match object.capabilities & wanted == wanted {
            true => Ok(object),
            false if self.profile.version < (2, 5, 0) => Err(ErrorCode::INVALID_DATA),
            false => Err(ErrorCode::INSUFFICIENT_PERMISSIONS),
        }
    }

    fn spoil(&self, mut signature: Vec<u8>) -> Answer {
        if self.faults.wrong_signatures
            && let Some(last) = signature.last_mut()
        {
            *last ^= 1;
        }
        Ok(signature)
    }

    fn list(&self, rights: &Rights, fields: &mut Fields<'_>) -> Answer {
        let mut found: Vec<&Object> = self
            .objects
            .values()
            .filter(|object| object.domains & rights.domains != 0)
            .collect();
        while !fields.0.is_empty() {
            match fields.u8()? {
                1 => {
                    let id = fields.u16()?;
                    found.retain(|object| object.id == id);
                }
                2 => {
                    let kind = fields.u8()?;
                    found.retain(|object| object.kind == kind);
                }
                3 => {
                    let domains = fields.u16()?;
                    found.retain(|object| object.domains & domains != 0);
                }
                4 => {
                    let wanted = fields.u64()?;
                    found.retain(|object| object.capabilities & wanted != 0);
                }
                5 => {
                    let algorithm = fields.u8()?;
                    found.retain(|object| object.algorithm == algorithm);
                }
                6 => {
                    let label = fields.take(40)?;
                    found.retain(|object| object.label == label);
                }
                _ => return Err(ErrorCode::INVALID_DATA),
            }
        }
        let mut bytes = Vec::new();
        for object in found {
            bytes.extend(object.id.to_be_bytes());
            bytes.extend([object.kind, object.sequence]);
        }
        Ok(bytes)
    }

    fn delete(&mut self, rights: &Rights, fields: &mut Fields<'_>) -> Answer {
        let (id, kind) = (fields.u16()?, fields.u8()?);
        fields.end()?;
        rights.need(match kind {
            object::OPAQUE => capability::DELETE_OPAQUE,
            object::AUTHENTICATION_KEY => capability::DELETE_AUTHENTICATION_KEY,
            object::ASYMMETRIC_KEY => capability::DELETE_ASYMMETRIC_KEY,
            object::WRAP_KEY => capability::DELETE_WRAP_KEY,
            _ => return Err(ErrorCode::INVALID_DATA),
        })?;
        let object = self.find(rights, kind, id)?;
        let sequence = object.sequence.wrapping_add(1);
        self.objects.remove(&(kind, id));
        self.sequences.insert((kind, id), sequence);
        Ok(Vec::new())
    }

    fn new_object(&mut self, rights: &Rights, code: u8, fields: &mut Fields<'_>) -> Answer {
        let (needs, kind) = match code {
            command::PUT_OPAQUE => (capability::PUT_OPAQUE, object::OPAQUE),
            command::PUT_AUTHENTICATION_KEY => (
                capability::PUT_AUTHENTICATION_KEY,
                object::AUTHENTICATION_KEY,
            ),
            command::PUT_ASYMMETRIC_KEY => (capability::PUT_ASYMMETRIC_KEY, object::ASYMMETRIC_KEY),
            command::PUT_WRAP_KEY => (capability::PUT_WRAP_KEY, object::WRAP_KEY),
            command::GENERATE_WRAP_KEY => (capability::GENERATE_WRAP_KEY, object::WRAP_KEY),
            _ => (capability::GENERATE_ASYMMETRIC_KEY, object::ASYMMETRIC_KEY),
        };
        rights.need(needs)?;
        let id = fields.u16()?;
        let label = fields.take(40)?.try_into().unwrap();
        let domains = fields.u16()?;
        let capabilities = fields.u64()?;
        let algorithm = fields.u8()?;
        let delegated = match kind {
            object::AUTHENTICATION_KEY | object::WRAP_KEY => fields.u64()?,
            _ => 0,
        };
        self.options.is_enabled(algorithm)?;
        let generates = matches!(
            code,
            command::GENERATE_ASYMMETRIC_KEY | command::GENERATE_WRAP_KEY
        );
        let body = match generates {
            true => {
                fields.end()?;
                Body::generate(algorithm)
            }
            false => Body::from_put(algorithm, fields.rest()),
        };
        let body = body.ok_or(ErrorCode::INVALID_DATA)?;
        let fits = matches!(
            (kind, &body),
            (object::OPAQUE, Body::Opaque(_))
                | (object::AUTHENTICATION_KEY, Body::Auth(_))
                | (
                    object::ASYMMETRIC_KEY,
                    Body::Ed25519(_) | Body::Secp256k1(_)
                )
                | (object::WRAP_KEY, Body::Wrap(_))
        );
        if !fits || domains == 0 {
            return Err(ErrorCode::INVALID_DATA);
        }
        let beyond = (capabilities | delegated) & !rights.delegated;
        if beyond != 0 || domains & !rights.domains != 0 {
            return Err(ErrorCode::INSUFFICIENT_PERMISSIONS);
        }
        let origin = if generates { GENERATED } else { IMPORTED };
        let id = self.store(Object {
            id,
            kind,
            algorithm,
            label,
            domains,
            capabilities,
            delegated,
            sequence: 0,
            origin,
            body,
        })?;
        Ok(id.to_be_bytes().to_vec())
    }

    /// Stores a new object; id 0 lets the device choose.
    pub(super) fn store(&mut self, mut object: Object) -> Result<u16, ErrorCode> {
        if object.id == 0 {
            let free = (1..=u16::MAX).find(|id| !self.objects.contains_key(&(object.kind, *id)));
            object.id = free.ok_or(ErrorCode::STORAGE_FAILED)?;
        }
        if self.objects.contains_key(&(object.kind, object.id)) {
            return Err(ErrorCode::OBJECT_EXISTS);
        }
        if self.objects.len() >= OBJECTS {
            return Err(ErrorCode::STORAGE_FAILED);
        }
        let place = (object.kind, object.id);
        if let Some(sequence) = self.sequences.get(&place) {
            object.sequence = *sequence;
        }
        let id = object.id;
        self.objects.insert(place, object);
        Ok(id)
    }

    fn get_opaque(&self, rights: &Rights, fields: &mut Fields<'_>) -> Answer {
        rights.need(capability::GET_OPAQUE)?;
        let id = fields.u16()?;
        fields.end()?;
        if id == 0 {
            return Ok(self.device_certificate());
        }
        match &self.find(rights, object::OPAQUE, id)?.body {
            Body::Opaque(bytes) => Ok(bytes.clone()),
            _ => Err(ErrorCode::INVALID_DATA),
        }
    }
}
