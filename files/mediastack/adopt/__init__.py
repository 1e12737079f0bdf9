"""Migration in: the state of somebody's hand-made stack becomes ours, and theirs stays as it was.

Where their state is, their containers' mounts say (containers, match); what is there and what will
change is looked at and told first (survey, newer, tell). Then it is copied beside ours, databases
through SQLite, and compared with the original (copy, tree); the few settings that our house relies
on are laid over theirs (tailor, with one editor for each kind of file), and the API key that other
programs of theirs know becomes ours. Only a whole, verified tree takes the place of ours, in one
step (run); until the service is healthy with it the old one can come back, and does. Nothing of
theirs is ever written to, stopped or removed.
"""
