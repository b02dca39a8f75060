"""`python -m benchmarks.closed_loop`."""

from benchmarks.closed_loop.measure import main

if __name__ == "__main__":
    main()
