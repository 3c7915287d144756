// The key types that came with v0.40.
package interop

import (
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/mldsa65"
	"github.com/cometbft/cometbft/crypto/secp256k1eth"
)

func init() {
	keyMakers[secp256k1eth.KeyType] = KeyMaker{
		Private: func(secret [32]byte) (crypto.PrivKey, error) { return secp256k1eth.PrivKey(secret[:]), nil },
		Public:  func(bytes []byte) crypto.PubKey { return must(secp256k1eth.NewPubKeyFromBytes(bytes)) },
	}
	keyMakers[mldsa65.KeyType] = KeyMaker{
		Private: func(secret [32]byte) (crypto.PrivKey, error) { return mldsa65.GenPrivKeyFromSeed(secret[:]) },
		Public:  func(bytes []byte) crypto.PubKey { return must(mldsa65.NewPubKeyFromBytes(bytes)) },
	}
}
