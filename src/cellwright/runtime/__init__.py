"""Between layers and backends: which backend runs a call, and why not the others. Floor 3."""
