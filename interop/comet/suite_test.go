// The tests of a series: what the rig asks, by the code of this series.
package interop

import (
	"testing"

	"tmkms/interop/rig"
)

var suite = rig.Suite{Series: Series{}}

func TestMain(m *testing.M) { rig.Main(m, Series{}) }

// TestRig needs no binary: it shows that the rig judges well.
func TestRig(t *testing.T) { rig.SelfTest(t, Series{}) }

func TestEveryMessage(t *testing.T)      { suite.EveryMessage(t) }
func TestInvalidRequests(t *testing.T)   { suite.Invalid(t) }
func TestFilePVIsTheOracle(t *testing.T) { suite.Oracle(t) }
func TestPromises(t *testing.T)          { suite.Promises(t) }
func TestRealNode(t *testing.T)          { suite.RealNode(t) }
func TestTakeOver(t *testing.T)          { suite.TakeOver(t) }
func TestHandOver(t *testing.T)          { suite.HandOver(t) }
func TestNewcomer(t *testing.T)          { suite.Newcomer(t) }

func TestWayBack(t *testing.T) { suite.WayBack(t) }

func TestNetwork(t *testing.T) { suite.Network(t) }

func TestAnswers(t *testing.T) { suite.Answers(t) }

// TestTwoHosts needs an etcd: interop/etcd/network has it.
func TestTwoHosts(t *testing.T) { suite.TwoHosts(t) }
