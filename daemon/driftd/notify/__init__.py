"""Who is told what, and in which words. Rule: pure; shells do the sending."""
