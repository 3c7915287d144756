// Keys from 32 bytes.
package interop

import (
	stded25519 "crypto/ed25519"
	"fmt"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/secp256k1"

	"tmkms/interop/rig"
)

// MakeKey makes a private key from 32 bytes: the Ed25519 seed, the secp256k1
// scalar and so on.
type MakeKey func(secret [32]byte) (crypto.PrivKey, error)

// Keys lists the key types that every series has.
func Keys() map[string]MakeKey {
	return map[string]MakeKey{
		ed25519.KeyType: func(secret [32]byte) (crypto.PrivKey, error) {
			return ed25519.PrivKey(stded25519.NewKeyFromSeed(secret[:])), nil
		},
		secp256k1.KeyType: func(secret [32]byte) (crypto.PrivKey, error) {
			return secp256k1.PrivKey(secret[:]), nil
		},
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("interop: %v", err))
	}
	return value
}

// publicKey is the inverse of publicKeyOf.
func publicKey(key rig.PublicKey) crypto.PubKey {
	switch key.Type {
	case ed25519.KeyType:
		return ed25519.PubKey(key.Bytes)
	case secp256k1.KeyType:
		return secp256k1.PubKey(key.Bytes)
	}
	panic("interop: unknown key type " + key.Type)
}

// identity is the Ed25519 key of a seed.
func identity(seed [32]byte) ed25519.PrivKey {
	return ed25519.PrivKey(stded25519.NewKeyFromSeed(seed[:]))
}
