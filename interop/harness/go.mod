module tmkms/interop/harness

go 1.25

require github.com/tendermint/tendermint v0.34.24 // indirect
