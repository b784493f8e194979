"""`python -m contextual_anomaly COMMAND`: the command line where its script is not on the path."""

from contextual_anomaly.cli import main

if __name__ == "__main__":
    main()
