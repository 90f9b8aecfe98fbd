"""What the bars are measured by; each file is run as a module."""
