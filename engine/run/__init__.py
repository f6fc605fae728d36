"""One party's run from policy to result: terms, state machine, phases. Sockets live in ``engine.transport.http``."""
