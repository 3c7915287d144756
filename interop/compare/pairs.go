package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// roundsAHeight: signers may bound how many heights pass in a second, so most steps are rounds.
const roundsAHeight = 100

// measured is a subject with its link and what it took.
type measured struct {
	*subject
	node *node
	took map[string]times
}

// pairs asks one signer after the other for the same things, in changing order.
func pairs(o options, folder string, makers []maker) error {
	for _, scheme := range []string{"unix", "tcp"} {
		if err := pairsOver(o, filepath.Join(folder, scheme), scheme, makers); err != nil {
			return fmt.Errorf("over %s: %w", scheme, err)
		}
	}
	return nil
}

func pairsOver(o options, folder, scheme string, makers []maker) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	var all []*measured
	for i, m := range makers {
		id := fmt.Sprintf("compare-%d", i)
		n, err := listen(id, scheme, folder, id)
		if err != nil {
			return err
		}
		defer n.close()
		s, err := m.start(folder, []chain{{id, []string{n.address}}})
		if err != nil {
			return err
		}
		defer s.stop()
		if err := n.connect(); err != nil {
			text, _ := os.ReadFile(s.logFile)
			return fmt.Errorf("%s: %w\n%s", s.name, err, text)
		}
		all = append(all, &measured{s, n, map[string]times{}})
	}
	warm := o.rounds / 20
	for round := range warm + o.rounds {
		for i := range all {
			m := all[(i+round)%len(all)]
			for _, kind := range kinds {
				took, err := m.node.ask(message{kind, int64(1 + round/roundsAHeight), int32(round % roundsAHeight)})
				if err != nil {
					return fmt.Errorf("%s, round %d: %w", m.name, round, err)
				}
				if round >= warm {
					m.took[kind] = append(m.took[kind], took)
				}
			}
		}
	}
	fmt.Printf("\none link over %s, %d paired rounds, ms (p50, p99, p99.9), and ours / other\n", scheme, o.rounds)
	for _, kind := range kinds {
		for i, m := range all {
			t := m.took[kind]
			fmt.Printf("  %-12s %-12s %8s %8s %8s", kind, m.name, millis(t.at(0.5)), millis(t.at(0.99)), millis(t.at(0.999)))
			if i > 0 {
				mine := all[0].took[kind]
				for _, q := range []float64{0.5, 0.99, 0.999} {
					fmt.Printf("  %5.2f", float64(mine.at(q))/float64(t.at(q)))
				}
			}
			fmt.Println()
		}
	}
	for _, m := range all {
		fmt.Printf("  %-12s %.1f MB resident\n", m.name, m.residentMB())
	}
	return nil
}
