//go:build bls12381

// BLS keys, which CometBFT has where it is built with this tag.
package interop

import (
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/bls12381"
)

func init() {
	keyMakers[bls12381.KeyType] = KeyMaker{
		Private: func(secret [32]byte) (crypto.PrivKey, error) {
			// Below the order of the group, whatever the secret is.
			secret[0] &= 0x3f
			key, err := bls12381.NewPrivateKeyFromBytes(secret[:])
			if err != nil {
				return nil, err
			}
			return *key, nil
		},
		Public: func(bytes []byte) crypto.PubKey { return *must(bls12381.NewPublicKeyFromBytes(bytes)) },
	}
}
