"""How long a first call takes and what it holds, beside the incumbent's handler: run as `python -m bench`.

The backend, the Runtime API, the event and the machine are the same for both sides, and their runs
alternate, so that the ratios stand where the milliseconds differ between machines.
"""
