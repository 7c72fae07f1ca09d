"""The foundation of the end to end tests: servers, services, clients, decoding."""
