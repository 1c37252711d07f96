"""The program: how a run goes. What a machine should be like is in `deploys`."""
