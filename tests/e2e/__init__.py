"""The release binary from the outside: at the Runtime API, under AWS's emulator, deployed by the CDK."""
