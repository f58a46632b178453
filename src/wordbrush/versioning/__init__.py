"""The bridge to DVC: stages in workspaces of their own, their keys, the remote, and integrity."""
