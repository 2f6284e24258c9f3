"""The runnable stages: arguments, one library call, what the person reads."""
