"""The audit: checks (one file each) on what a bench holds, ranks among references, and the verdict."""
