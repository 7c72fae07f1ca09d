"""Sealed values, as libs/crypto/sealed_row.h makes them. A key is "<id>:<base64 of 32 bytes>", a keyring a line for each."""
import base64
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def seal(what, row, text, key):
    """what: the word for the table; row: the uuid to which the value is bound."""
    name, _, bytes_ = key.partition(":")
    head, nonce = bytes([1, len(name)]) + name.encode(), os.urandom(12)
    return head + nonce + AESGCM(base64.b64decode(bytes_)).encrypt(nonce, text.encode(), head + f"{what}:{row}".encode())


def opened(what, row, sealed, keyring):
    """(key id, text)"""
    sealed = bytes(sealed)
    name = sealed[2:2 + sealed[1]].decode()
    key = dict(line.split(":") for line in keyring.split("\n"))[name]
    head = sealed[:2 + sealed[1]]
    return name, AESGCM(base64.b64decode(key)).decrypt(sealed[len(head):len(head) + 12], sealed[len(head) + 12:],
                                                       head + f"{what}:{row}".encode()).decode()
