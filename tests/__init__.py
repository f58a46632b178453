"""All tests: what they import first is a clean environment."""

from tests.isolation import clean_environment

clean_environment()  # before numpy and torch are imported, which read the number of threads
