"""The live page of a study: a read-only server over the files of its folder.

snapshot   the study as it is now: its record, trials that ended, trials that run, what is worth a warning
server     127.0.0.1, three addresses: the page, the study as JSON, one trial with its film as JSON
"""
