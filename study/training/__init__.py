"""The training loop: batches, device, one run of one seed, and why it ends."""
