"""Yubico's Python client against the simulator: every command that the program uses or its ceremony will use.

Usage: judge.py SIMULATOR [NAME...]. Each test starts from a device fresh from the factory. Exit code 1 if any fails.
"""

import base64
import os
import re
import subprocess
import sys
import traceback

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from yubihsm import YubiHsm
from yubihsm.defs import ALGORITHM, AUDIT, CAPABILITY, COMMAND, ERROR, OBJECT, OPTION, ORIGIN
from yubihsm.exceptions import YubiHsmAuthenticationError, YubiHsmDeviceError
from yubihsm.objects import (
    AsymmetricKey,
    AttestationExtensions,
    AuthenticationKey,
    Opaque,
    WrapKey,
)

ALL = 0xFFFF
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def refused(code, call, *arguments):
    try:
        call(*arguments)
    except YubiHsmDeviceError as error:
        assert error.code == code, f"refused with {error.code}, not with {code!r}"
        return
    raise AssertionError(f"not refused with {code!r}")


class Fixture:
    def __init__(self, url, firmware):
        self.url = url
        self.firmware = firmware

    def connect(self):
        return YubiHsm.connect(self.url)

    def session(self, key=1, password="password"):
        return self.connect().create_session_derived(key, password)


def user(session, key, capabilities, delegated=CAPABILITY.NONE, domains=ALL):
    AuthenticationKey.put_derived(session, key, "user", domains, capabilities, delegated, f"password {key}")


@test
def device_info_without_a_session(f):
    info = f.connect().get_device_info()
    assert info.version == f.firmware, info
    assert info.serial == 1234567
    assert info.log_size == 62
    assert ALGORITHM.EC_ED25519 in info.supported_algorithms
    assert (info.part_number is not None) == (f.firmware >= (2, 4, 0))


@test
def a_session_echoes(f):
    with f.session() as session:
        for length in (0, 1, 11, 12, 13, 15, 16, 255, 1024, 2021):
            data = os.urandom(length)
            assert session.send_secure_cmd(COMMAND.ECHO, data) == data
        assert len(session.get_pseudo_random(64)) == 64
        assert session.get_pseudo_random(32) != session.get_pseudo_random(32)


@test
def a_wrong_password_and_an_unknown_key(f):
    for _ in range(3):
        try:
            f.session(1, "Password")
        except YubiHsmAuthenticationError:
            continue
        raise AssertionError("a wrong password was taken")
    refused(ERROR.OBJECT_NOT_FOUND, f.session, 2)


@test
def sixteen_sessions_and_no_more(f):
    hsm = f.connect()
    sessions = [hsm.create_session_derived(1, "password") for _ in range(16)]
    refused(ERROR.SESSIONS_FULL, hsm.create_session_derived, 1, "password")
    for session in sessions:
        assert session.send_secure_cmd(COMMAND.ECHO, b"x") == b"x"
    sessions.pop().close()
    with hsm.create_session_derived(1, "password"):
        pass
    for session in sessions:
        session.close()


@test
def a_closed_session_is_gone(f):
    session = f.session()
    sid, key = session._sid, session._key_enc
    session.close()
    session._sid, session._key_enc = sid, key
    session._key_mac = session._key_rmac = b"\0" * 16
    refused(ERROR.INVALID_SESSION, session.send_secure_cmd, COMMAND.ECHO, b"")


@test
def ed25519_generate_put_and_sign(f):
    with f.session() as session:
        key = AsymmetricKey.generate(session, 0x10, "consensus", 1, CAPABILITY.SIGN_EDDSA, ALGORITHM.EC_ED25519)
        public = key.get_public_key()
        for length in (0, 1, 64, 110, 1024, 2019):
            message = os.urandom(length)
            public.verify(key.sign_eddsa(message), message)
        info = key.get_info()
        assert (info.id, info.object_type, info.algorithm) == (0x10, OBJECT.ASYMMETRIC_KEY, ALGORITHM.EC_ED25519)
        assert (info.domains, info.capabilities, info.label) == (1, CAPABILITY.SIGN_EDDSA, "consensus")
        assert info.origin == ORIGIN.GENERATED and info.sequence == 0
        secret = ed25519.Ed25519PrivateKey.generate()
        put = AsymmetricKey.put(session, 0x11, "put", 1, CAPABILITY.SIGN_EDDSA, secret)
        assert put.sign_eddsa(b"vote") == secret.sign(b"vote"), "deterministic"
        assert put.get_info().origin == ORIGIN.IMPORTED
        refused(ERROR.OBJECT_EXISTS, AsymmetricKey.put, session, 0x11, "", 1, CAPABILITY.SIGN_EDDSA, secret)
        refused(ERROR.OBJECT_NOT_FOUND, AsymmetricKey(session, 0x12).sign_eddsa, b"x")


@test
def secp256k1_generate_put_and_sign(f):
    with f.session() as session:
        key = AsymmetricKey.generate(session, 0, "account", 1, CAPABILITY.SIGN_ECDSA, ALGORITHM.EC_K256)
        assert key.id != 0
        public = key.get_public_key()
        for _ in range(8):
            message = os.urandom(110)
            public.verify(key.sign_ecdsa(message), message, ec.ECDSA(hashes.SHA256()))
        digest = b"\1" * 32
        signature = key.sign_ecdsa(digest, hash=Prehashed(hashes.SHA256()))
        public.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        secret = ec.generate_private_key(ec.SECP256K1())
        put = AsymmetricKey.put(session, 0x21, "put", 1, CAPABILITY.SIGN_ECDSA, secret)
        secret.public_key().verify(put.sign_ecdsa(b"vote"), b"vote", ec.ECDSA(hashes.SHA256()))
        try:
            public.verify(put.sign_ecdsa(b"vote"), b"vote", ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return
        raise AssertionError("one key signs as another")


@test
def the_session_needs_the_capability(f):
    with f.session() as admin:
        user(admin, 2, CAPABILITY.SIGN_EDDSA)
        secret = ed25519.Ed25519PrivateKey.generate()
        AsymmetricKey.put(admin, 0x10, "", ALL, CAPABILITY.SIGN_EDDSA, secret)
        AsymmetricKey.put(admin, 0x11, "", ALL, CAPABILITY.NONE, secret)
    with f.session(2, "password 2") as session:
        AsymmetricKey(session, 0x10).sign_eddsa(b"x")
        refused(ERROR.INVALID_DATA, AsymmetricKey(session, 0x11).sign_eddsa, b"x")
        no = ERROR.INSUFFICIENT_PERMISSIONS
        refused(no, AsymmetricKey(session, 0x10).sign_ecdsa, b"x")
        refused(no, AsymmetricKey(session, 0x10).delete)
        refused(no, session.get_pseudo_random, 8)
        refused(no, session.get_log_entries)
        refused(no, session.set_log_index, 1)
        refused(no, session.get_force_audit)
        refused(no, session.set_force_audit, AUDIT.OFF)
        refused(no, session.reset_device)
        refused(no, AsymmetricKey.put, session, 0x12, "", ALL, CAPABILITY.NONE, secret)
        refused(no, Opaque.put, session, 1, "", 1, CAPABILITY.NONE, ALGORITHM.OPAQUE_DATA, b"x")


@test
def domains_hide_objects(f):
    with f.session() as admin:
        user(admin, 2, CAPABILITY.SIGN_EDDSA | CAPABILITY.GENERATE_ASYMMETRIC_KEY, CAPABILITY.SIGN_EDDSA, domains=1)
        AsymmetricKey.generate(admin, 0x10, "", 1, CAPABILITY.SIGN_EDDSA, ALGORITHM.EC_ED25519)
        AsymmetricKey.generate(admin, 0x11, "", 2, CAPABILITY.SIGN_EDDSA, ALGORITHM.EC_ED25519)
    with f.session(2, "password 2") as session:
        AsymmetricKey(session, 0x10).sign_eddsa(b"x")
        refused(ERROR.OBJECT_NOT_FOUND, AsymmetricKey(session, 0x11).sign_eddsa, b"x")
        refused(ERROR.OBJECT_NOT_FOUND, AsymmetricKey(session, 0x11).get_info)
        ids = [found.id for found in session.list_objects(object_type=OBJECT.ASYMMETRIC_KEY)]
        assert ids == [0x10], ids
        refused(
            ERROR.INSUFFICIENT_PERMISSIONS, AsymmetricKey.generate, session, 0x12, "", 2, CAPABILITY.SIGN_EDDSA,
            ALGORITHM.EC_ED25519,
        )


@test
def delegated_capabilities_bound_what_is_made(f):
    makes = CAPABILITY.GENERATE_ASYMMETRIC_KEY | CAPABILITY.PUT_AUTHENTICATION_KEY
    with f.session() as admin:
        user(admin, 2, makes, CAPABILITY.SIGN_EDDSA)
        assert AuthenticationKey(admin, 2).get_info().delegated_capabilities == CAPABILITY.SIGN_EDDSA
    with f.session(2, "password 2") as session:
        generate = lambda id, caps: AsymmetricKey.generate(session, id, "", ALL, caps, ALGORITHM.EC_ED25519)
        generate(0x10, CAPABILITY.SIGN_EDDSA)
        no = ERROR.INSUFFICIENT_PERMISSIONS
        refused(no, generate, 0x11, CAPABILITY.SIGN_EDDSA | CAPABILITY.EXPORTABLE_UNDER_WRAP)
        refused(no, user, session, 3, makes)
        refused(no, user, session, 3, CAPABILITY.SIGN_EDDSA, makes)
        user(session, 3, CAPABILITY.SIGN_EDDSA)


@test
def wrapped_keys_travel(f):
    caps = CAPABILITY.SIGN_EDDSA | CAPABILITY.EXPORTABLE_UNDER_WRAP
    wraps = CAPABILITY.EXPORT_WRAPPED | CAPABILITY.IMPORT_WRAPPED
    secret = os.urandom(32)
    with f.session() as session:
        wrap = WrapKey.put(session, 1, "primary", ALL, wraps, ALGORITHM.AES256_CCM_WRAP, CAPABILITY.ALL, secret)
        for algorithm, more in ((ALGORITHM.EC_ED25519, 0), (ALGORITHM.EC_K256, CAPABILITY.SIGN_ECDSA)):
            key = AsymmetricKey.generate(session, 0x10, "consensus", 1, caps | more, algorithm)
            public, blob = key.get_public_key(), wrap.export_wrapped(key)
            if algorithm == ALGORITHM.EC_ED25519:
                # What Yubico's yubihsm-wrap writes: 184 bytes, the scalar reversed, the public key at the end.
                assert len(blob) == 184, len(blob)
                plain = AESCCM(secret, tag_length=16).decrypt(blob[:13], blob[13:], None)
                assert plain[0] == ALGORITHM.AES256_CCM_WRAP and len(plain) == 59 + 96
                assert plain[-32:] == public.public_bytes_raw()
            refused(ERROR.OBJECT_EXISTS, wrap.import_wrapped, blob)
            key.delete()
            again = wrap.import_wrapped(blob)
            assert again.id == 0x10 and again.object_type == OBJECT.ASYMMETRIC_KEY
            assert again.get_public_key() == public, "the key changed on its way"
            assert again.get_info().origin == ORIGIN.GENERATED | ORIGIN.IMPORTED_WRAPPED
            assert again.get_info().label == "consensus"
            if algorithm == ALGORITHM.EC_ED25519:
                public.verify(again.sign_eddsa(b"x"), b"x")
            again.delete()
            refused(ERROR.INVALID_DATA, wrap.import_wrapped, blob[:-1] + bytes([blob[-1] ^ 1]))
        private = AsymmetricKey.generate(session, 0x20, "", 1, CAPABILITY.SIGN_EDDSA, ALGORITHM.EC_ED25519)
        refused(ERROR.INVALID_DATA, wrap.export_wrapped, private)


@test
def a_wrap_key_bounds_what_it_carries(f):
    wraps = CAPABILITY.EXPORT_WRAPPED | CAPABILITY.IMPORT_WRAPPED
    may = CAPABILITY.SIGN_EDDSA | CAPABILITY.EXPORTABLE_UNDER_WRAP
    with f.session() as session:
        wrap = WrapKey.generate(session, 1, "", ALL, wraps, ALGORITHM.AES256_CCM_WRAP, may)
        key = AsymmetricKey.generate(
            session, 0x10, "", 1, may | CAPABILITY.SIGN_ATTESTATION_CERTIFICATE, ALGORITHM.EC_ED25519
        )
        refused(ERROR.INSUFFICIENT_PERMISSIONS, wrap.export_wrapped, key)
        one_way = WrapKey.generate(session, 2, "", ALL, CAPABILITY.EXPORT_WRAPPED, ALGORITHM.AES128_CCM_WRAP, CAPABILITY.ALL)
        refused(ERROR.INVALID_DATA, one_way.import_wrapped, one_way.export_wrapped(key))


@test
def a_blob_of_another_program_is_read(f):
    # yubihsm-wrap 2.8.0, wrap key of the mnemonic in the derivation vectors, seed 00..1f, id 16.
    blob = base64.b64decode(
        "b2H/8LsLZSC2fzF1OkuVVGUOtI6B5lrNZ1X5nljeUkeMGWl3IFrVgS64vANXYhVeF7450BYpM9EsMNDSb6Jq9b+G37BmhvAjPlFHrLBuBTETASe2"
        "yLzq62iEnwmJ8pCCf6Cn7068hdiCj9miTrLr/bQCr3Ve2ckX/215nLUvXIHWH/nxx1lpT23/MQ3T7wMLH/eEK5Jmof5YweqHuCZloLMHmIBz3AF/"
        "l+XhTuvusQayTyzT6ZOnpQ=="
    )
    secret = bytes.fromhex("b55c675289521f334d544ff62f1860af42d62814a5233a16174faff5d46fbe7e")
    with f.session() as session:
        wrap = WrapKey.put(
            session, 1, "", ALL, CAPABILITY.IMPORT_WRAPPED, ALGORITHM.AES256_CCM_WRAP, CAPABILITY.ALL, secret
        )
        key = wrap.import_wrapped(blob)
        assert key.id == 16 and key.get_info().label == "consensus:2026-01-01T00:00:00Z"
        seed = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        assert key.get_public_key() == seed.public_key()
        assert key.sign_eddsa(b"vote") == seed.sign(b"vote")


@test
def data_is_wrapped_and_unwrapped(f):
    secret = os.urandom(32)
    caps = CAPABILITY.WRAP_DATA | CAPABILITY.UNWRAP_DATA
    with f.session() as session:
        wrap = WrapKey.put(session, 1, "", ALL, caps, ALGORITHM.AES256_CCM_WRAP, CAPABILITY.ALL, secret)
        blob = wrap.wrap_data(b"nonce")
        assert AESCCM(secret, tag_length=16).decrypt(blob[:13], blob[13:], None) == b"nonce"
        assert wrap.unwrap_data(blob) == b"nonce"
        refused(ERROR.INVALID_DATA, wrap.unwrap_data, blob[:-1] + b"\0")


@test
def opaque_objects(f):
    with f.session() as session:
        data = os.urandom(1500)
        opaque = Opaque.put(session, 0xFFFE, "report", ALL, CAPABILITY.NONE, ALGORITHM.OPAQUE_DATA, data)
        assert opaque.get() == data
        assert opaque.get_info().size == 1500
        opaque.delete()
        refused(ERROR.OBJECT_NOT_FOUND, opaque.get)
        again = Opaque.put(session, 0xFFFE, "report", ALL, CAPABILITY.NONE, ALGORITHM.OPAQUE_DATA, b"x")
        assert again.get_info().sequence == 1, "ids that were used before count on"


@test
def authentication_keys(f):
    with f.session() as session:
        user(session, 7, CAPABILITY.SIGN_EDDSA)
        info = AuthenticationKey(session, 7).get_info()
        assert info.size == 40 and info.algorithm == ALGORITHM.AES128_YUBICO_AUTHENTICATION
        AuthenticationKey(session, 7).change_password("another")
    with f.session(7, "another"):
        pass
    try:
        f.session(7, "password 7")
    except YubiHsmAuthenticationError:
        pass
    else:
        raise AssertionError("the old password is taken")
    with f.session() as session:
        AuthenticationKey(session, 7).delete()
    refused(ERROR.OBJECT_NOT_FOUND, f.session, 7, "another")


@test
def a_mnemonic_of_the_ceremony_logs_in(f):
    # The first of the derivation vectors: K-ENC and K-MAC as the device stores them.
    words = (
        "abandon amount liar amount expire adjust cage candy arch gather drum bullet absurd math era live bid rhythm "
        "alien crouch range attend journey unaware"
    )
    stored = bytes.fromhex("006f1dc3b17b4b597b57bcf191151d779500c54026d7c954c8ff408532165257")
    with f.session() as session:
        AuthenticationKey.put(session, 9, "", ALL, CAPABILITY.ALL, CAPABILITY.NONE, stored[:16], stored[16:])
    with f.session(9, words):
        pass


@test
def lists_and_filters(f):
    with f.session() as session:
        AsymmetricKey.generate(session, 0x10, "one", 1, CAPABILITY.SIGN_EDDSA, ALGORITHM.EC_ED25519)
        AsymmetricKey.generate(session, 0x11, "two", 2, CAPABILITY.SIGN_ECDSA, ALGORITHM.EC_K256)
        Opaque.put(session, 0x10, "one", 4, CAPABILITY.NONE, ALGORITHM.OPAQUE_DATA, b"x")
        ids = lambda **by: [(found.object_type, found.id) for found in session.list_objects(**by)]
        key, opaque = OBJECT.ASYMMETRIC_KEY, OBJECT.OPAQUE
        assert len(ids()) == 4
        assert ids(object_id=0x10) == [(opaque, 0x10), (key, 0x10)]
        assert ids(object_type=key) == [(key, 0x10), (key, 0x11)]
        assert ids(algorithm=ALGORITHM.EC_K256) == [(key, 0x11)]
        assert ids(domains=2, object_type=key) == [(key, 0x11)]
        assert ids(label="two") == [(key, 0x11)]
        assert ids(capabilities=CAPABILITY.SIGN_ECDSA, object_type=key) == [(key, 0x11)]


@test
def the_default_of_the_audit_log(f):
    with f.session() as session:
        audit = session.get_command_audit()
        on = f.firmware < (2, 3, 1)
        assert audit[COMMAND.SIGN_EDDSA] == (AUDIT.ON if on else AUDIT.OFF)
        assert audit[COMMAND.ECHO] == AUDIT.OFF
        entries = session.get_log_entries().entries
        assert entries[0].number == 1 and entries[0].command == 0xFF, "the line of the reset"
        assert entries[1].command == 0, "the line of the boot"
        # Opening this session, and asking for the option.
        assert len(entries) == (5 if on else 2), entries


@test
def the_audit_log_is_a_chain(f):
    with f.session() as session:
        key = AsymmetricKey.generate(session, 0x10, "", 1, CAPABILITY.SIGN_EDDSA, ALGORITHM.EC_ED25519)
        session.set_command_audit({COMMAND.SIGN_EDDSA: AUDIT.ON})
        for _ in range(5):
            key.sign_eddsa(b"x")
        entries = session.get_log_entries().entries
        last = entries[-1]
        assert (last.command, last.session_key, last.target_key) == (COMMAND.SIGN_EDDSA, 1, 0x10)
        assert last.length == 3 and last.result == COMMAND.SIGN_EDDSA | 0x80
        for before, after in zip(entries, entries[1:]):
            assert after.validate(before), after
        session.set_log_index(last.number)
        key.sign_eddsa(b"x")
        (after,) = [e for e in session.get_log_entries(last).entries if e.command == COMMAND.SIGN_EDDSA]
        assert session.get_log_entries().n_auth == 0


@test
def force_audit_stops_at_a_full_log(f):
    with f.session() as session:
        key = AsymmetricKey.generate(session, 0x10, "", 1, CAPABILITY.SIGN_EDDSA, ALGORITHM.EC_ED25519)
        session.set_command_audit({COMMAND.SIGN_EDDSA: AUDIT.ON})
        for _ in range(80):
            key.sign_eddsa(b"x")
        assert len(session.get_log_entries().entries) == 62, "a ring"
        session.set_force_audit(AUDIT.ON)
        refused(ERROR.LOG_FULL, key.sign_eddsa, b"x")
        with f.session() as other:
            assert other.send_secure_cmd(COMMAND.ECHO, b"x") == b"x"
        log = session.get_log_entries()
        session.set_log_index(log.entries[-1].number)
        key.sign_eddsa(b"x")
        assert session.get_force_audit() == AUDIT.ON


@test
def options_that_are_fixed_stay(f):
    with f.session() as session:
        session.set_command_audit({COMMAND.SIGN_EDDSA: AUDIT.FIXED})
        refused(ERROR.INVALID_DATA, session.set_command_audit, {COMMAND.SIGN_EDDSA: AUDIT.OFF})
        session.set_force_audit(AUDIT.FIXED)
        refused(ERROR.INVALID_DATA, session.set_force_audit, AUDIT.OFF)
        refused(ERROR.INVALID_DATA, session.get_option, OPTION.FIPS_MODE)


@test
def algorithms_are_toggled_on_a_fresh_device(f):
    with f.session() as session:
        session.set_enabled_algorithms({ALGORITHM.EC_ED25519: False})
        assert session.get_enabled_algorithms()[ALGORITHM.EC_ED25519] is False
        generate = (AsymmetricKey.generate, session, 0x10, "", 1, CAPABILITY.SIGN_EDDSA, ALGORITHM.EC_ED25519)
        refused(ERROR.ALGORITHM_DISABLED, *generate)
        session.set_enabled_algorithms({ALGORITHM.EC_ED25519: True})
        AsymmetricKey.generate(*generate[1:])
        refused(ERROR.INVALID_DATA, session.set_enabled_algorithms, {ALGORITHM.EC_ED25519: False})


@test
def a_reset_forgets_everything(f):
    session = f.session()
    user(session, 2, CAPABILITY.ALL, CAPABILITY.ALL)
    AsymmetricKey.generate(session, 0x10, "", 1, CAPABILITY.SIGN_EDDSA, ALGORITHM.EC_ED25519)
    AuthenticationKey(session, 1).delete()
    session.close()
    session = f.session(2, "password 2")
    session.reset_device()
    refused(ERROR.OBJECT_NOT_FOUND, f.session, 2, "password 2")
    with f.session() as session:
        found = session.list_objects()
        assert [(o.object_type, o.id) for o in found] == [(OBJECT.AUTHENTICATION_KEY, 1)], found
        assert AuthenticationKey(session, 1).get_info().label == "DEFAULT AUTHKEY CHANGE THIS ASAP"


@test
def attestation_says_what_the_device_knows(f):
    with f.session() as session:
        caps = CAPABILITY.SIGN_EDDSA | CAPABILITY.EXPORTABLE_UNDER_WRAP
        key = AsymmetricKey.generate(session, 0x10, "consensus", 1, caps, ALGORITHM.EC_ED25519)
        certificate = key.attest()
        assert certificate.public_key() == key.get_public_key()
        says = AttestationExtensions.parse(certificate)
        assert says.firmware_version == f.firmware and says.serial == 1234567
        assert says.origin & 0x0F == ORIGIN.GENERATED and says.domains == 1
        assert says.capabilities == caps and says.object_id == 0x10 and says.label == "consensus"
        device = Opaque(session, 0).get_certificate()
        device.public_key().verify(
            certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256())
        )
        attester = AsymmetricKey.generate(
            session, 0x20, "attester", 1, CAPABILITY.SIGN_ATTESTATION_CERTIFICATE, ALGORITHM.EC_K256
        )
        refused(ERROR.OBJECT_NOT_FOUND, key.attest, 0x20)
        attester.put_certificate("template", 1, CAPABILITY.NONE, device)
        other = key.attest(0x20)
        attester.get_public_key().verify(other.signature, other.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))


@test
def messages_that_are_too_long_are_refused(f):
    longest = 2019 if f.firmware < (2, 4, 0) else 3107
    with f.session() as session:
        key = AsymmetricKey.generate(session, 0x10, "", 1, CAPABILITY.SIGN_EDDSA, ALGORITHM.EC_ED25519)
        key.get_public_key().verify(key.sign_eddsa(b"x" * longest), b"x" * longest)
        refused(ERROR.WRONG_LENGTH, key.sign_eddsa, b"x" * (longest + 1))
        session.send_secure_cmd(COMMAND.ECHO, b"and the session lives")


@test
def blinking_and_storage(f):
    with f.session() as session:
        session.send_secure_cmd(COMMAND.BLINK_DEVICE, b"\5")
        assert len(session.send_secure_cmd(COMMAND.GET_STORAGE_INFO)) == 10


def run(simulator, firmware, names):
    version = tuple(int(part) for part in firmware.split("."))
    failed = count = 0
    for function in TESTS:
        name = function.__name__
        if names and name not in names:
            continue
        count += 1
        arguments = [simulator, "--listen", "127.0.0.1:0", "--firmware", firmware]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            try:
                url = re.search(r"http://\S+", process.stdout.readline()).group()
                function(Fixture(url, version))
                print(f"ok      {firmware} {name}")
            except Exception:
                failed += 1
                print(f"FAILED  {firmware} {name}")
                traceback.print_exc()
            finally:
                process.kill()
    return count, failed


def main():
    simulator, names = sys.argv[1], sys.argv[2:]
    counts = [run(simulator, firmware, names) for firmware in ("2.2.0", "2.3.1", "2.4.0")]
    count, failed = sum(c for c, _ in counts), sum(f for _, f in counts)
    print(f"{count - failed} of {count} passed")
    if failed or not count:
        sys.exit(1)


main()
