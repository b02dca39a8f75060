"""`python -m benchmarks.detection`."""

from benchmarks.detection.measure import main

if __name__ == "__main__":
    main()
