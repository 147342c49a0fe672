"""The main job, shown: a state machine in one Region acts in another. Run as `python -m demo.main_job`."""
