"""Reports made from run folders."""
