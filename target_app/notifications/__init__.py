"""From a state change to an e-mail: outbox, stream, notifier."""
