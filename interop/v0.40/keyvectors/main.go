//go:build bls12381

// Writes tests/keys/cometbft.json: a priv_validator_key.json of every consensus key type of this series, as CometBFT's own
// code writes it, and what it signs.
//
//	go run -tags bls12381 ./keyvectors > ../../tests/keys/cometbft.json
package main

import (
	stded25519 "crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/bls12381"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/mldsa65"
	"github.com/cometbft/cometbft/crypto/secp256k1"
	"github.com/cometbft/cometbft/crypto/secp256k1eth"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/privval"
)

type signed struct {
	Message   string `json:"message"`
	Signature string `json:"signature"`
}

type vector struct {
	Type    string          `json:"type"`
	File    json.RawMessage `json:"file"`
	Address string          `json:"address"`
	Public  string          `json:"public"`
	Private string          `json:"private"`
	Signed  []signed        `json:"signed"`
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "keyvectors:", err)
		os.Exit(1)
	}
	return value
}

func main() {
	seed := func(name string, n int) []byte {
		hash := sha256.Sum256([]byte(fmt.Sprintf("tmkms key vector %s %d", name, n)))
		return hash[:]
	}
	var vectors []vector
	for n := range 3 {
		for _, key := range []crypto.PrivKey{
			ed25519.PrivKey(stded25519.NewKeyFromSeed(seed("ed25519", n))),
			secp256k1.PrivKey(seed("secp256k1", n)),
			secp256k1eth.PrivKey(seed("secp256k1eth", n)),
			*must(bls12381.GenPrivKeyFromSecret(seed("bls12_381", n))),
			must(mldsa65.GenPrivKeyFromSeed(seed("ml_dsa_65", n))),
		} {
			if n == 2 && key.Type() == mldsa65.KeyType {
				continue
			}
			public := key.PubKey()
			file := must(cmtjson.Marshal(privval.FilePVKey{Address: public.Address(), PubKey: public, PrivKey: key}))
			v := vector{
				Type:    key.Type(),
				File:    file,
				Address: hex.EncodeToString(public.Address()),
				Public:  hex.EncodeToString(public.Bytes()),
				Private: hex.EncodeToString(key.Bytes()),
			}
			for _, length := range []int{0, 1, 110} {
				message := make([]byte, length)
				for i := range message {
					message[i] = byte(i * (n + 3))
				}
				signature := must(key.Sign(message))
				if !public.VerifySignature(message, signature) {
					panic("not verified by its maker")
				}
				v.Signed = append(v.Signed, signed{hex.EncodeToString(message), hex.EncodeToString(signature)})
			}
			vectors = append(vectors, v)
		}
	}
	fmt.Println("[")
	for i, v := range vectors {
		text := must(json.Marshal(v))
		end := ","
		if i == len(vectors)-1 {
			end = ""
		}
		fmt.Printf("%s%s\n", text, end)
	}
	fmt.Println("]")
}
