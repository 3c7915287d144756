package interop

import (
	"net"

	"github.com/cometbft/cometbft/lp2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/libp2p/go-libp2p/core/peer"

	"tmkms/interop/rig"
)

const hasNoise = true

// noiseListener is the node's, which admits the signer under test alone.
func noiseListener(ln net.Listener) (net.Listener, error) {
	return privval.NewNoiseListener(ln, identity(rig.NodeIdentity), []peer.ID{noiseID(rig.SignerIdentity)})
}

func noiseID(seed [32]byte) peer.ID { return must(lp2p.IDFromPrivateKey(identity(seed))) }

// NoiseID implements rig.Series.
func (Series) NoiseID(seed [32]byte) string { return noiseID(seed).String() }
