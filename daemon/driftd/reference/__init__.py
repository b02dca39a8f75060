"""What "normal" is: profiles of counts per signal."""
