"""Yubico's Python client and a device that `tmkms yubihsm setup` set up: it logs in as every role with the passwords
that a mnemonic gives, each role may do its part and no other, and nothing but the wrap key opens a backup.

Usage: ceremony.py TMKMS SIMULATOR. Exit code 1 at the first thing that is not so.
"""

import base64
import json
import os
import pty
import re
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from yubihsm import YubiHsm
from yubihsm.defs import ALGORITHM, CAPABILITY, COMMAND, ERROR, OBJECT, OPTION
from yubihsm.exceptions import YubiHsmDeviceError
from yubihsm.objects import AsymmetricKey, AuthenticationKey, Opaque, WrapKey

SERIAL = "1234567"
CONFIG = """[[providers.yubihsm]]
adapter = {{ type = "http", addr = "tcp://{address}" }}
auth = {{ key = 1, password = "password" }}
"""


def in_terminal(arguments, folder, answers):
    """Runs a command at a pseudo-terminal and answers its questions in turn."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execv(arguments[0], arguments)
    seen = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
        if answers and answers[0][0] in seen:
            os.write(terminal, answers.pop(0)[1].encode() + b"\n")
            seen = b""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, f"{arguments[1:]} ended with {code}: {seen.decode()}"
    assert not answers, f"never asked: {answers}"


def refused(call, *arguments):
    try:
        call(*arguments)
    except YubiHsmDeviceError as error:
        assert error.code in (ERROR.INSUFFICIENT_PERMISSIONS, ERROR.INVALID_DATA), error
        return
    raise AssertionError(f"not refused: {call.__name__}{arguments}")


def check(vector, tmkms, address, folder):
    mnemonic = vector["mnemonic"]
    with open(f"{folder}/tmkms.toml", "w", encoding="ascii") as file:
        file.write(CONFIG.format(address=address))
    words = [(b"Press Enter to go on to it.", ""), (b"while you type):", mnemonic)]
    setup = [tmkms, "yubihsm", "setup", "--restore"]
    in_terminal(setup, folder, [(b"to erase it:", SERIAL), *words])
    backup = f"{folder}/backup"
    if os.path.exists(backup):
        os.remove(backup)
    generate = [tmkms, "yubihsm", "keys", "generate", "--mnemonic", "-b", "backup", "16"]
    in_terminal(generate, folder, words.copy())

    hsm = YubiHsm.connect(f"http://{address}")
    key = bytes.fromhex(vector["wrap_keys"]["0x0001"]["key"])
    with open(backup, encoding="ascii") as file:
        blob = base64.b64decode(file.read())
    ids = {"admin": 1, "operator": 2, "auditor": 3, "validator": 4}
    for role, number in ids.items():
        password = mnemonic if role == "admin" else vector["roles"][role]["password"]
        with hsm.create_session_derived(number, password) as session:
            wrap = WrapKey(session, 1)
            if role == "admin":
                listed = {(found.object_type, found.id) for found in session.list_objects()}
                wanted = {(OBJECT.AUTHENTICATION_KEY, found) for found in ids.values()}
                wanted |= {(OBJECT.WRAP_KEY, 1), (OBJECT.OPAQUE, 0xFFFE), (OBJECT.ASYMMETRIC_KEY, 16)}
                assert listed == wanted, listed
                info = AuthenticationKey(session, 4).get_info()
                assert (info.domains, info.delegated_capabilities) == (1, 0), info
                report = json.loads(Opaque(session, 0xFFFE).get())
                assert report["device_serial_number"] == SERIAL.zfill(10), report
                # The device's wrap key and the vector's are one.
                sealed = wrap.wrap_data(b"text")
                assert AESCCM(key).decrypt(sealed[:13], sealed[13:], None) == b"text"
                audit = session.get_command_audit()
                assert audit[COMMAND.EXPORT_WRAPPED] and audit[COMMAND.DELETE_OBJECT], audit
                # Not exportable: the wrap key itself.
                refused(wrap.export_wrapped, wrap)
                continue
            # Nobody but the administrator wraps or unwraps data, and a backup is no data.
            refused(wrap.unwrap_data, blob)
            refused(wrap.wrap_data, b"text")
            refused(session.reset_device)
            refused(AsymmetricKey(session, 16).delete)
            refused(
                AuthenticationKey.put_derived, session, 9, "mine", 1, CAPABILITY.SIGN_EDDSA, CAPABILITY.NONE, "password"
            )
            if role == "validator":
                public = AsymmetricKey(session, 16).get_public_key()
                public.verify(AsymmetricKey(session, 16).sign_eddsa(b"vote"), b"vote")
                refused(wrap.import_wrapped, blob)
                refused(wrap.export_wrapped, AsymmetricKey(session, 16))
            if role == "operator":
                assert len(wrap.export_wrapped(AsymmetricKey(session, 16))) == len(blob) == 184
                refused(AsymmetricKey(session, 16).sign_eddsa, b"vote")
            if role == "auditor":
                assert session.get_log_entries().entries
                session.get_option(OPTION.FORCE_AUDIT)
                refused(AsymmetricKey.generate, session, 0, "", 1, CAPABILITY.SIGN_EDDSA, ALGORITHM.EC_ED25519)
    print(f"ok: {mnemonic.split()[0]} ...")


def main():
    tmkms, simulator = (os.path.realpath(path) for path in sys.argv[1:3])
    here = os.path.dirname(os.path.abspath(__file__))
    with open(f"{here}/../../tests/yubihsm_ceremony/derivation.json", encoding="ascii") as file:
        vectors = json.load(file)
    for firmware in ("2.2.0", "2.3.1", "2.4.0"):
        arguments = [simulator, "--listen", "127.0.0.1:0", "--serial", SERIAL, "--firmware", firmware]
        process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            address = re.search(r"http://(\S+)", process.stdout.readline()).group(1)
            with tempfile.TemporaryDirectory() as folder:
                for vector in vectors if firmware == "2.4.0" else vectors[:1]:
                    check(vector, tmkms, address, folder)
                    # The next one begins with a device of the factory's.
                    mnemonic = vector["mnemonic"]
                    hsm = YubiHsm.connect(f"http://{address}")
                    with hsm.create_session_derived(1, mnemonic) as session:
                        session.reset_device()
        finally:
            process.kill()
            process.wait()
    print("the ceremony is as Yubico's client wants it")


main()
