"""What the end to end tests share: servers, services, clients, decoding."""
