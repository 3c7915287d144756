# Recipes; `just` lists them.

# What must pass before a change lands.
ci:
    .ci/run

# Each fuzz target for ten minutes.
fuzz seconds="600":
    fuzz/smoke {{seconds}}

# What a vote costs.
bench:
    cargo bench --bench vote

# Known weaknesses of dependencies; needs the advisory database from the network.
advisories:
    cargo deny check advisories
