//! Attestation: an X.509 certificate that says what the device knows of a key, signed by another key of the device.
//!
//! Extensions as Yubico documents them below 1.3.6.1.4.1.41482.4. Key 0 is the simulator's own, and nobody should
//! believe it anything.

use k256::ecdsa::signature::Signer;
use k256::ecdsa::{Signature, SigningKey};
use tmkms::backends::yubihsm::protocol::codes::{ErrorCode, algorithm, capability, object};

use super::commands::Fields;
use super::device::{Device, Rights};
use super::object::{Body, Object};

const SEQUENCE: u8 = 0x30;
const ECDSA_WITH_SHA256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const EC_KEY_K256: &[u8] = &[
    0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 5, 0x2b, 0x81, 4, 0, 0x0a,
];
const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = vec![tag];
    match body.len() {
        short @ 0..=127 => bytes.push(u8::try_from(short).unwrap()),
        middle @ 128..=255 => bytes.extend([0x81, u8::try_from(middle).unwrap()]),
        long => {
            bytes.push(0x82);
            bytes.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    bytes.extend(body);
    bytes
}

fn name(text: &str) -> Vec<u8> {
    let pair = der(
        SEQUENCE,
        &[&[0x06, 3, 0x55, 4, 3], &der(0x0c, &[text.as_bytes()])],
    );
    der(SEQUENCE, &[&der(0x31, &[&pair])])
}

fn extension(number: u8, value: &[u8]) -> Vec<u8> {
    let oid = [0x06, 10, 0x2b, 6, 1, 4, 1, 0x82, 0xc4, 0x0a, 4, number];
    der(SEQUENCE, &[&oid, &der(0x04, &[value])])
}

fn key_info(algorithm: u8, public: &[u8]) -> Vec<u8> {
    match algorithm {
        algorithm::ED25519 => der(
            SEQUENCE,
            &[&der(SEQUENCE, &[ED25519]), &der(0x03, &[&[0], public])],
        ),
        _ => der(
            SEQUENCE,
            &[
                &der(SEQUENCE, &[EC_KEY_K256]),
                &der(0x03, &[&[0, 4], public]),
            ],
        ),
    }
}

fn certificate(
    signer: &SigningKey,
    issuer: &str,
    subject: &str,
    key: &[u8],
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    let algorithm = der(SEQUENCE, &[ECDSA_WITH_SHA256]);
    let validity = der(
        SEQUENCE,
        &[
            &der(0x17, &[b"170101000000Z"]),
            &der(0x17, &[b"491231235959Z"]),
        ],
    );
    let mut serial = [0; 8];
    getrandom::getrandom(&mut serial).unwrap();
    serial[0] = serial[0] & 0x3f | 0x40;
    let list: Vec<&[u8]> = extensions.iter().map(Vec::as_slice).collect();
    let body = der(
        SEQUENCE,
        &[
            &der(0xa0, &[&[0x02, 1, 2]]),
            &der(0x02, &[&serial]),
            &algorithm,
            &name(issuer),
            &validity,
            &name(subject),
            key,
            &der(0xa3, &[&der(SEQUENCE, &list)]),
        ],
    );
    let signature: Signature = signer.sign(&body);
    der(
        SEQUENCE,
        &[
            &body,
            &algorithm,
            &der(0x03, &[&[0], signature.to_der().as_bytes()]),
        ],
    )
}

impl Device {
    fn own_key(&self) -> SigningKey {
        let mut secret = [7; 32];
        secret[..4].copy_from_slice(&self.profile.serial.to_be_bytes());
        SigningKey::from_slice(&secret).unwrap()
    }

    fn about_device(&self) -> Vec<Vec<u8>> {
        let (major, minor, patch) = self.profile.version;
        vec![
            extension(1, &der(0x04, &[&[major, minor, patch]])),
            extension(2, &der(0x02, &[&self.profile.serial.to_be_bytes()])),
        ]
    }

    /// What lies in opaque object 0.
    pub(super) fn device_certificate(&self) -> Vec<u8> {
        let key = self.own_key();
        let public = Body::Secp256k1(key.clone()).public_key().unwrap();
        let subject = format!("SIMULATOR, NO HSM ({})", self.profile.serial);
        let info = key_info(algorithm::SECP256K1, &public);
        certificate(&key, &subject, &subject, &info, &self.about_device())
    }

    pub(super) fn attest(
        &self,
        rights: &Rights,
        fields: &mut Fields<'_>,
    ) -> Result<Vec<u8>, ErrorCode> {
        rights.need(capability::SIGN_ATTESTATION_CERTIFICATE)?;
        let (id, attester) = (fields.u16()?, fields.u16()?);
        fields.end()?;
        let found: &Object = self.find(rights, object::ASYMMETRIC_KEY, id)?;
        let public = found.body.public_key().ok_or(ErrorCode::INVALID_DATA)?;
        let key = match attester {
            0 => self.own_key(),
            _ => {
                let wanted = capability::SIGN_ATTESTATION_CERTIFICATE;
                let object = self.find_for(rights, object::ASYMMETRIC_KEY, attester, wanted)?;
                // The template for the certificate.
                self.find(rights, object::OPAQUE, attester)?;
                match &object.body {
                    Body::Secp256k1(key) => key.clone(),
                    _ => return Err(ErrorCode::INVALID_DATA),
                }
            }
        };
        let end = found.label.iter().position(|byte| *byte == 0).unwrap_or(40);
        let mut extensions = self.about_device();
        extensions.extend([
            extension(3, &der(0x03, &[&[0, found.origin]])),
            extension(4, &der(0x03, &[&[0], &found.domains.to_be_bytes()])),
            extension(5, &der(0x03, &[&[0], &found.capabilities.to_be_bytes()])),
            extension(6, &der(0x02, &[&found.id.to_be_bytes()])),
            extension(9, &der(0x0c, &[&found.label[..end]])),
        ]);
        let issuer = format!("SIMULATOR, NO HSM ({})", self.profile.serial);
        let subject = format!("YubiHSM Attestation id:0x{id:04x}");
        let info = key_info(found.algorithm, &public);
        Ok(certificate(&key, &issuer, &subject, &info, &extensions))
    }
}
