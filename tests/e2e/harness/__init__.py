"""What the end to end tests stand on: servers, services, clients, decoding."""
