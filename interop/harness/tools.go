//go:build tools

// Package interop keeps Tendermint's own acceptance tool in go.mod.
package interop

import _ "github.com/tendermint/tendermint/tools/tm-signer-harness"
