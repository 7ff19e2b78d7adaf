"""The local player: decrypted bytes for a browser or any player on this machine, and for no other."""
