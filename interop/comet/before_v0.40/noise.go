package interop

import (
	"errors"
	"net"
)

// No series but v0.40 listens with noise://.
const hasNoise = false

func noiseListener(net.Listener) (net.Listener, error) {
	return nil, errors.New("this series has no noise:// links")
}

// NoiseID implements rig.Series.
func (Series) NoiseID([32]byte) string { return "" }
