module tmkms/interop/rig

go 1.25
