"""What the demo, the end-to-end suites and the benchmark share: local servers and ways to run the function.

Everything here listens on 127.0.0.1 on a free port, runs under a `with` statement, and ends what it
started by process id.
"""
