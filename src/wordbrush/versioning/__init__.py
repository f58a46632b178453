"""The bridge to DVC: stages in fresh workspaces, their keys, the remote, and the integrity of what lies there."""
