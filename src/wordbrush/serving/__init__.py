"""What every page of ours needs: a guarded server, its files, sound over WebSockets, decoding."""
