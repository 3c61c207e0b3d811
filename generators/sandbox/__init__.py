"""Running programs that nobody trusts: policy, the inner side and the pool of workers."""
