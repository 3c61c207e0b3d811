"""Programs to data: problem sources, the sandbox, inputs and traces."""
