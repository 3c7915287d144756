// Keys from 32 bytes.
package interop

import (
	stded25519 "crypto/ed25519"
	"fmt"
	"slices"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/secp256k1"

	"tmkms/interop/rig"
)

// KeyMaker makes keys of one type.
type KeyMaker struct {
	// Private makes a key from 32 bytes: the Ed25519 seed, the secp256k1
	// scalar and so on.
	Private func(secret [32]byte) (crypto.PrivKey, error)
	// Public is the inverse of a public key's Bytes.
	Public func(bytes []byte) crypto.PubKey
}

// keyMakers are the key types of this series: those that all have, and what
// its other files add to them.
var keyMakers = map[string]KeyMaker{
	ed25519.KeyType: {
		Private: func(secret [32]byte) (crypto.PrivKey, error) {
			return ed25519.PrivKey(stded25519.NewKeyFromSeed(secret[:])), nil
		},
		Public: func(bytes []byte) crypto.PubKey { return ed25519.PubKey(bytes) },
	},
	secp256k1.KeyType: {
		Private: func(secret [32]byte) (crypto.PrivKey, error) {
			return secp256k1.PrivKey(secret[:]), nil
		},
		Public: func(bytes []byte) crypto.PubKey { return secp256k1.PubKey(bytes) },
	},
}

// keyTypes are the names of the types, in an order that stays.
func keyTypes() []string {
	var names []string
	for name := range keyMakers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func privateKey(keyType string, secret [32]byte) (crypto.PrivKey, error) {
	maker, known := keyMakers[keyType]
	if !known {
		return nil, fmt.Errorf("interop: unknown key type %s", keyType)
	}
	return maker.Private(secret)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("interop: %v", err))
	}
	return value
}

// publicKey is the inverse of publicKeyOf.
func publicKey(key rig.PublicKey) crypto.PubKey {
	maker, known := keyMakers[key.Type]
	if !known {
		panic("interop: unknown key type " + key.Type)
	}
	return maker.Public(key.Bytes)
}

// identity is the Ed25519 key of a seed.
func identity(seed [32]byte) ed25519.PrivKey {
	return ed25519.PrivKey(stded25519.NewKeyFromSeed(seed[:]))
}
