package interop

const series = "v0.38"
