"""What belongs to AWS alone: the state machine, how a Glue job's failure is told to it, and what a run costs."""
